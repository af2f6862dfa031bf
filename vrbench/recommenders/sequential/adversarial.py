"""Adversarial training of SASRec and GRU4Rec, on their rows of items."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import Unpack

from vrbench.core.shared_settings import apart
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.sequential.gru4rec import GRU4Rec, GRU4RecSettings
from vrbench.recommenders.sequential.sasrec import SASRec, SASRecSettings
from vrbench.recommenders.training.adversarial_phase import AdversarialSettings
from vrbench.recommenders.training.adversarial_tables import AdversarialTables, Rows


class AdversarialSASRecSettings(SASRecSettings, AdversarialSettings, total=False):
    """How adversarial SASRec is built and trained."""


class AdversarialSASRec(AdversarialTables, SASRec):
    """SASRec trained adversarially, as APR trains BPR-MF (He et al., SIGIR 2018, sec. 3).

    The rows of items are perturbed, where they are read and where they score alike.

    Args:
        sizes: users and items.
        eps, weight, adversarial_epochs: see ``APR``.
        blocks, heads, length, factors, dropout, loss, negatives, epochs, batch_size, lr, patience,
            eval_every: see ``SASRec``.

    Example:
        >>> from vrbench.recommenders import AdversarialSASRec
        >>> from vrbench.testing.sequences import BRISK_NEXT, next_found
        >>> small = {"factors": 16, "adversarial_epochs": 3}
        >>> next_found(AdversarialSASRec, **small, **BRISK_NEXT) > 0.9
        True
    """

    paper = "He et al., SIGIR 2018"
    defaults = AdversarialSASRecSettings(eps=0.5, weight=1.0, adversarial_epochs=50)
    perturbed: ClassVar[dict[str, Rows]] = {"item.weight": "rows"}

    def __init__(self, sizes: Sizes, **training: Unpack[AdversarialSASRecSettings]) -> None:
        given = self.with_defaults(AdversarialSASRecSettings, training)
        first, second = apart(given, AdversarialSettings)
        super().__init__(sizes, **first)
        self._second_phase(**second)


class AdversarialGRU4RecSettings(GRU4RecSettings, AdversarialSettings, total=False):
    """How adversarial GRU4Rec is built and trained."""


class AdversarialGRU4Rec(AdversarialTables, GRU4Rec):
    """GRU4Rec trained adversarially, as APR trains BPR-MF (He et al., SIGIR 2018, sec. 3).

    The rows of items are perturbed, where they are read and where they score alike.

    Args:
        sizes: users and items.
        eps, weight, adversarial_epochs: see ``APR``.
        layers, length, factors, dropout, loss, negatives, epochs, batch_size, lr, patience,
            eval_every: see ``GRU4Rec``.

    Example:
        >>> from vrbench.recommenders import AdversarialGRU4Rec
        >>> from vrbench.testing.sequences import BRISK_NEXT, next_found
        >>> small = {"factors": 16, "adversarial_epochs": 3}
        >>> next_found(AdversarialGRU4Rec, **small, **BRISK_NEXT) > 0.9
        True
    """

    paper = "He et al., SIGIR 2018"
    defaults = AdversarialGRU4RecSettings(eps=0.5, weight=1.0, adversarial_epochs=50)
    perturbed: ClassVar[dict[str, Rows]] = {"item.weight": "rows"}

    def __init__(self, sizes: Sizes, **training: Unpack[AdversarialGRU4RecSettings]) -> None:
        given = self.with_defaults(AdversarialGRU4RecSettings, training)
        first, second = apart(given, AdversarialSettings)
        super().__init__(sizes, **first)
        self._second_phase(**second)
