"""Text surface: words of items, added or swapped, before training or after it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vrbench.attacks.words import WordAttack, Words
from vrbench.core.errors import IncompatibleError
from vrbench.core.spec import unbound
from vrbench.core.visuals import Signal, Table
from vrbench.data.words import WordTable
from vrbench.recommenders.base import class_of
from vrbench.threats.case import Case
from vrbench.threats.objectives.promotion import Demote, Promote
from vrbench.threats.surfaces.base import Stages, Surface
from vrbench.threats.surfaces.looks import Looks
from vrbench.threats.surfaces.parameters import Parameters
from vrbench.threats.surfaces.profiles import Profiles
from vrbench.threats.word_promotion import Readers
from vrbench.threats.world import Change, World

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment


class Text(Surface):
    """Words of the scenario's items, of the catalogue's own vocabulary, at serving or in training.

    Scores are aimed at as they are read off words: an item's own, those of neighbours by words, and
    users' who have it. Weights of words stay those of the clean catalogue. Under evasion the model
    is served other words than it was trained on; poisoned, it is trained on them, too.

    Example:
        >>> from vrbench import Threat
        >>> from vrbench.surfaces import Text
        >>> Threat(surface=Text()).acts_on.goes_with
        'threat=text goes with attack=words budget=words_3 and their kind, and only so'
    """

    name = "text"
    attacks, budgets = (WordAttack,), (Words,)
    goes_with = "threat=text goes with attack=words budget=words_3 and their kind, and only so"
    others = (Parameters, Looks, Profiles)
    told = "the words of {items} items of {source}, to be shown more, or less"
    of_items = True

    def check(self, x: Experiment) -> None:
        super().check(x)
        if not class_of(x.recommender).reads_text:
            raise IncompatibleError(f"{class_of(x.recommender).name} reads no words")
        if not isinstance(x.dataset.catalogue.text, WordTable):
            raise IncompatibleError(
                "there are no words that could be changed: take dataset=text, with a table of "
                "words or the names of categories, not vectors"
            )
        if _sign(x) is None:
            raise IncompatibleError("threat=text goes with objective=promote or demote")
        if x.threat.surrogate is not None or x.threat.mixed is not None:
            raise IncompatibleError("threat=text changes no picture: no surrogate, no mixed ones")

    def attack(self, stages: Stages, x: Experiment, world: World, case: Case) -> Change:
        table, users = world.data.catalogue.text, world.data.train.num_users
        assert isinstance(table, WordTable)
        readers = Readers(world.served, world.visuals, table, case.items, users)
        made = stages.edit_words(x, world, readers, _sign(x) or 1)
        if made.tensors is None:
            return Change(world, complete=False)
        rows = readers.text(made.tensors["counts"].to(readers.items.device))
        shop = replace(world.data.catalogue, text=Table(Signal.VECTOR, rows.cpu(), made.spec))
        served = readers.served_with(rows, made.spec)
        return Change(replace(world, data=replace(world.data, catalogue=shop), model=served))


def _sign(x: Experiment) -> int | None:
    """Return 1 where scores are to rise, -1 where they are to fall; None where neither is meant."""
    return {Promote: 1, Demote: -1}.get(unbound(x.objective))
