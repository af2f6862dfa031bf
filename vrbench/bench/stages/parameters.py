"""The stage in which the parameters of a trained recommender are changed."""

from __future__ import annotations

from torch import Tensor

from vrbench.attacks.embedding.perturbation import Embeddings, ParameterAttack
from vrbench.bench.store import Store
from vrbench.core.seeds import stream
from vrbench.core.visuals import Visuals
from vrbench.data.dataset import Dataset
from vrbench.recommenders.base import Recommender
from vrbench.threats.embedding_loss import Learnt, changed


def perturb(
    store: Store,
    model: Recommender,
    data: Dataset,
    visuals: Visuals,
    attack: ParameterAttack,
    budget: Embeddings,
    seed: int,
) -> Recommender:
    """Return a copy of ``model`` with its embeddings changed; the same ones in a dry run.

    The aim is the model's own ranking loss on its training data, so no objective is asked for.
    The address of the change is the copy's spec: what is ranked with it is filed under it.

    Raises:
        IncompatibleError: if the model is not trained on pairs, or has no embeddings.
    """

    def make() -> dict[str, Tensor]:
        learnt = Learnt(data.train, model, visuals, biases=budget.biases)
        return attack(learnt.tables, learnt.slope, budget, stream(seed, "attack"))

    inputs = {
        "attack": attack,
        "budget": budget,
        "recommender": model,
        "train": data.train,
        "visuals": visuals if model.signal else None,
        "seed": seed,
    }
    made = store.fetch("perturbed", inputs, make)
    found = changed(model, made.tensors or {})
    found.spec = made.spec
    return found
