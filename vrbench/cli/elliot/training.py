"""Translation of the models of an Elliot configuration: settings and search spaces."""

from __future__ import annotations

from collections.abc import Set

from vrbench.cli.elliot.configuration import Node
from vrbench.cli.elliot.models import ALIASES, MODELS, OF_ALL, SEEDS
from vrbench.cli.elliot.selection import Judge, chosen_by, stopping
from vrbench.cli.elliot.spaces import is_search
from vrbench.cli.elliot.trained import PART, Trained, composition
from vrbench.cli.elliot.values import set_parameter
from vrbench.cli.folders import own_dir
from vrbench.core.errors import nearest

_LACKS = {
    "features": "gives no visual_features of VisualAttribute",
    "maps": "gives ready features; maps of a network over pictures are made here, not read",
    "pictures": "gives no pictures in VAR's folders",
    "attributes": "gives no attribute_file of ItemAttributes",
}


def trained(name: str, told: Node, has: Set[str], judge: Judge) -> Trained | str:
    """Return a model of a configuration, or why it is left out.

    Args:
        name: Elliot's.
        told: its parameters.
        has: what is known of the items, see ``Model.needs``.
        judge: what chooses settings where the model does not say.
    """
    model = MODELS.get(ALIASES.get(name, name))
    if model is None:
        return f"models.{name}: no model of Elliot's{nearest(name, MODELS)}; left out"
    if not model.choice:
        return f"models.{name}: {model.why}; left out"
    if model.needs and model.needs not in has:
        why = f"it learns from them, and data_config.side_information {_LACKS[model.needs]}"
        return f"models.{name}: {model.needs}: {why}; left out"
    found = Trained(name.lower(), model.choice, dict(model.fixed))
    known = composition(model.choice, own_dir()).settings(PART)
    for key, value in told.items():
        if key in SEEDS:
            found.seed = int(value)
        elif key not in ("meta", "early_stopping") and (
            key in model.parameters or key not in OF_ALL
        ):
            set_parameter(found, model, f"models.{name}.{key}", key, value)
    meta = told.get("meta") or {}
    if name in ("AMF", "AMR"):
        _first_phase(found, f"models.{name}")
        _perturbed(found, told, known[f"{PART}.eps"], f"models.{name}")
    epochs = f"{PART}.eval_every" in known
    chosen_by(found, meta, f"models.{name}.meta", epochs, judge, model.stars)
    stopping(found, told.get("early_stopping") or {}, f"models.{name}.early_stopping", epochs)
    return found


def _first_phase(found: Trained, where: str) -> None:
    """Take the adversarial epochs off the epochs, which are in all in Elliot."""
    epochs = found.settings.get("epochs")
    if found.settings.get("adversarial_epochs") == 0:
        found.settings |= {"weight": 0.0, "adversarial_epochs": 1}
        return
    second = found.longest("adversarial_epochs")
    if not isinstance(epochs, int):
        if f"{PART}.epochs" in found.space:
            found.notes.append(f"{where}.epochs: here those before the adversarial ones")
        return
    if not second:
        second = found.settings["adversarial_epochs"] = epochs // 2
    first = max(1, epochs - second)
    found.settings["epochs"] = first
    if f"{PART}.adversarial_epochs" in found.space or first + second != epochs:
        found.notes.append(
            f"{where}.epochs: {epochs} in all; here {first} before the {second} adversarial ones"
        )


def _perturbed(found: Trained, told: Node, default: float, where: str) -> None:
    """Keep by what steps the trained embeddings are to be perturbed, if they are."""
    if not (told.get("meta") or {}).get("eval_perturbations"):
        return
    if found.name != "amf":
        found.notes.append(
            f"{where}.meta.eval_perturbations: features are changed by threat=vector; left out"
        )
        return
    steps, length = told.get("nb_iter", 1), told.get("eps_iter")
    eps = found.settings.get("eps", default)
    if is_search(steps) or is_search(length) or (length and f"{PART}.eps" in found.space):
        found.notes.append(
            f"{where}.eps_iter: what the evaluation's steps are like is not searched; "
            "10 of them, of a quarter of eps"
        )
        steps, length = 10, None
    step = 2.5 / int(steps) if length is None else float(length) / eps
    found.perturbed = {"steps": int(steps), "step": step}
