"""What every extractor must do. Subclass, set ``make``, and inherit its tests."""

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from vrbench.core.seeds import stream
from vrbench.core.spec import digest
from vrbench.core.visuals import Signal
from vrbench.data.dataset import Dataset
from vrbench.extractors.base import Extractor
from vrbench.testing.fixtures import ToyWorld


class ExtractorContract(ToyWorld):
    """Six pictures of the toy world, seen together and alone."""

    make: ClassVar[Any]  # () -> an extractor; drawn anew and shown the three colours before use
    smooth = True  # gradients reach the pixels

    @pytest.fixture
    def pixels(self, world: Dataset) -> Tensor:
        return world.catalogue.images[torch.arange(6)].clone()

    @pytest.fixture
    def network(self, world: Dataset) -> Extractor:
        made: Extractor = type(self).make()
        made.build(world.catalogue.names)
        made.redraw(stream(0))
        return made.eval().requires_grad_(False)

    def test_it_yields_a_vector_a_map_and_logits(self, network: Extractor, pixels: Tensor) -> None:
        seen = network(pixels)
        assert seen.vector.shape == (6, network.see(pixels, Signal.VECTOR).shape[1])
        assert seen.maps.ndim == 3
        assert len(seen.maps) == 6
        assert seen.logits.shape == (6, len(network.classes))
        assert torch.equal(network.see(pixels, Signal.VECTOR), seen.vector)
        assert torch.equal(network.see(pixels, Signal.MAPS), seen.maps)

    def test_company_changes_nothing(self, network: Extractor, pixels: Tensor) -> None:
        together = network(pixels)
        alone = [network(picture[None]) for picture in pixels]
        for part in ("vector", "maps", "logits"):
            found = torch.cat([getattr(seen, part) for seen in alone])
            torch.testing.assert_close(found, getattr(together, part), rtol=1e-4, atol=1e-4)

    def test_gradients_reach_the_pixels(self, network: Extractor, pixels: Tensor) -> None:
        if not self.smooth:
            pytest.skip("has no gradient")
        leaf = pixels.requires_grad_()
        (slope,) = torch.autograd.grad(network(leaf).vector.square().sum(), leaf)
        assert slope.isfinite().all()
        assert (slope.abs().flatten(1).sum(1) > 0).all()

    def test_looking_changes_neither_it_nor_the_pictures(
        self, network: Extractor, pixels: Tensor
    ) -> None:
        before, key = {k: v.clone() for k, v in network.state_dict().items()}, digest(network)
        shown = pixels.clone()
        network(pixels)
        assert torch.equal(pixels, shown)
        assert digest(network) == key
        after = network.state_dict()
        assert all(torch.equal(after[name], value) for name, value in before.items())
