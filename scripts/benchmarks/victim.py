"""The network that attack benchmarks are run on: ResNet-18 at 64 px, taught on real pictures.

``--network small`` takes that of ``extractor=photos_standard`` instead, which is soon taught.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn

from vrbench.bench import stages
from vrbench.bench.machine import Machine
from vrbench.bench.store import Store
from vrbench.core.errors import IncompatibleError
from vrbench.data.sources.boutique import boutique
from vrbench.data.sources.folder import folder
from vrbench.extractors.base import Extractor
from vrbench.extractors.pretrained.torchvision_networks import Torchvision
from vrbench.extractors.small import SmallCNN
from vrbench.extractors.training.standard import Standard


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser with what every attack benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", help="folder of a catalogue; without it, the boutique")
    parser.add_argument("--store", default="store", help="where the taught network is kept")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=20, help="of the network's training")
    parser.add_argument(
        "--network", choices=("resnet18", "small"), default="resnet18", help="small: SmallCNN"
    )
    parser.add_argument("--device", default="cpu")
    return parser


def victim(
    chosen: argparse.Namespace, *, one_source: bool = False
) -> tuple[Extractor, Tensor, Tensor, int]:
    """Return the network, held-out pictures it gets right, their items, and a target class.

    The target is a category that none of the pictures shows; with ``one_source`` all of them show
    the same one.
    """
    try:
        Machine(device=chosen.device).use()  # as in a run: no TF32 for anybody
    except IncompatibleError as error:
        raise SystemExit(str(error)) from None
    data = folder(path=chosen.data) if chosen.data else boutique()
    store, catalogue = Store(Path(chosen.store)), data.catalogue
    images = stages.decode_images(store, Machine(), catalogue.images)
    if chosen.network == "small":
        lesson = Standard(SmallCNN(width=24), batch_size=64, epochs=chosen.epochs, lr=0.1)
    else:
        lesson = Standard(Torchvision(arch="resnet18"), batch_size=64, epochs=chosen.epochs)
    network, notes = stages.teach(store, lesson, catalogue, images, 0, chosen.device)
    counts = torch.bincount(catalogue.categories, minlength=len(catalogue.names))
    target = int(counts.argmax())
    among = catalogue.categories != target
    if one_source:
        source = int(counts.index_fill(0, torch.tensor([target]), 0).argmax())
        among = catalogue.categories == source
    items = torch.nonzero(among).squeeze(1)
    order = torch.randperm(len(items), generator=torch.Generator().manual_seed(0))
    kept = []
    for chunk in items[order].split(64):
        with torch.no_grad():
            found = network(images[chunk].to(chosen.device)).logits.argmax(1).cpu()
        kept += chunk[found == catalogue.categories[chunk]].tolist()
        if len(kept) >= chosen.images:
            break
    items = torch.tensor(kept[: chosen.images])
    final = {k: round(v, 3) for k, v in notes["final"].items()}
    out(f"network: {final}; {len(items)} pictures, target {catalogue.names[target]!r}")
    return network, images[items].to(chosen.device), items, target


class Logits(nn.Module):
    """What the peers attack: pixels in [0, 1] to logits."""

    def __init__(self, network: Extractor) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x).logits


def out(line: str) -> None:
    """Write a line at once."""
    import sys

    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def peer(name: str) -> object:
    """Return a peer library, or say how to get it."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SystemExit(
            f"{name} is not installed ({error}): in a virtual environment of its own, "
            f"`pip install . {name}` and run this script with its python"
        ) from None
