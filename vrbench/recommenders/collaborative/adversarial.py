"""Adversarial training of FISM, NeuMF, an FM, CDAE and MultiVAE, on their tables."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import Unpack

from vrbench.core.shared_settings import apart
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.autoencoders import CDAE
from vrbench.recommenders.collaborative.factorisation_machines import AttributeFM, FieldSettings
from vrbench.recommenders.collaborative.fism import FISM
from vrbench.recommenders.collaborative.multivae import MultiVAE
from vrbench.recommenders.collaborative.neumf import NeuMF
from vrbench.recommenders.training.adversarial_phase import AdversarialSettings
from vrbench.recommenders.training.adversarial_tables import AdversarialTables, Rows
from vrbench.recommenders.training.epochs import EpochSettings
from vrbench.recommenders.training.pairwise import FactorSettings
from vrbench.recommenders.training.pointwise import PointwiseSettings


class AdversarialFISMSettings(FactorSettings, AdversarialSettings, total=False):
    """How adversarial FISM is built and trained."""

    alpha: float
    exclude_target: bool


class AdversarialFISM(AdversarialTables, FISM):
    """FISM trained adversarially, as APR trains BPR-MF (He et al., SIGIR 2018, sec. 3).

    Both tables of items are perturbed, biases are not.

    Args:
        sizes: users and items.
        eps, weight, adversarial_epochs: see ``APR``.
        alpha, exclude_target, factors, epochs, batch_size, lr, l2, patience, eval_every: see
            ``FISM``.

    Example:
        >>> from vrbench.recommenders import AdversarialFISM
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(AdversarialFISM, factors=8, adversarial_epochs=5, **BRISK)) > 0.8
        True
    """

    paper = "He et al., SIGIR 2018"
    defaults = AdversarialFISMSettings(
        eps=0.5, weight=1.0, adversarial_epochs=100, alpha=0.5, exclude_target=True
    )
    perturbed: ClassVar[dict[str, Rows]] = {"taste.weight": "rows", "item.weight": "rows"}

    def __init__(self, sizes: Sizes, **training: Unpack[AdversarialFISMSettings]) -> None:
        given = self.with_defaults(AdversarialFISMSettings, training)
        first, second = apart(given, AdversarialSettings)
        super().__init__(sizes, **first)
        self._second_phase(**second)


class AdversarialNeuMFSettings(PointwiseSettings, AdversarialSettings, total=False):
    """How adversarial NeuMF is built and trained."""

    factors: int
    hidden: int
    depth: int
    dropout: float


class AdversarialNeuMF(AdversarialTables, NeuMF):
    """NeuMF trained adversarially, as APR trains BPR-MF (He et al., SIGIR 2018, sec. 3).

    The four tables of users and items are perturbed, the layers above them are not (Yuan et al.,
    SIGIR 2019, perturb layers).

    Args:
        sizes: users and items.
        eps, weight, adversarial_epochs: see ``APR``.
        factors, hidden, depth, dropout, negatives, l2, epochs, batch_size, lr, patience,
            eval_every: see ``NeuMF``.

    Example:
        >>> from vrbench.recommenders import AdversarialNeuMF
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(AdversarialNeuMF, factors=8, adversarial_epochs=5, **BRISK)) > 0.8
        True
    """

    paper = "He et al., SIGIR 2018"
    defaults = AdversarialNeuMFSettings(
        eps=0.5,
        weight=1.0,
        adversarial_epochs=50,
        factors=32,
        hidden=64,
        depth=3,
        dropout=0.1,
    )
    perturbed: ClassVar[dict[str, Rows]] = {
        f"{name}.weight": "rows" for name in ("user", "item", "user_deep", "item_deep")
    }

    def __init__(self, sizes: Sizes, **training: Unpack[AdversarialNeuMFSettings]) -> None:
        given = self.with_defaults(AdversarialNeuMFSettings, training)
        first, second = apart(given, AdversarialSettings)
        super().__init__(sizes, **first)
        self._second_phase(**second)


class AdversarialFMSettings(FieldSettings, AdversarialSettings, total=False):
    """How an adversarial factorisation machine is built and trained."""


class AdversarialFM(AdversarialTables, AttributeFM):
    """Factorisation machine trained adversarially, as in ATF (Chen and Li, RecSys 2019).

    The rows of users, items and categories are perturbed, each by a length of its own; weights of
    single fields are not. ATF perturbs the rows of users, items and contexts of a tensor machine;
    here the third field is an item's category, the loss is the pointwise one of ``AttributeFM``,
    and lengths are APR's (He et al., SIGIR 2018, sec. 3). (ATF's equations could not be compared.)

    Args:
        sizes: users, items, and the items' categories.
        eps, weight, adversarial_epochs: see ``APR``.
        factors, negatives, l2, epochs, batch_size, lr, patience, eval_every: see ``FieldModel``.

    Raises:
        IncompatibleError: if items have no categories that differ.

    Example:
        >>> from vrbench.recommenders import AdversarialFM
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(AdversarialFM, factors=8, adversarial_epochs=5, **BRISK)) > 0.8
        True
    """

    paper = "Chen and Li, RecSys 2019; He et al., SIGIR 2018"
    defaults = AdversarialFMSettings(eps=0.5, weight=1.0, adversarial_epochs=50)
    perturbed: ClassVar[dict[str, Rows]] = {
        f"{name}.weight": "rows" for name in ("user", "item", "category")
    }

    def __init__(self, sizes: Sizes, **training: Unpack[AdversarialFMSettings]) -> None:
        given = self.with_defaults(AdversarialFMSettings, training)
        first, second = apart(given, AdversarialSettings)
        super().__init__(sizes, **first)
        self._second_phase(**second)


class AutoencoderPhase(AdversarialSettings, total=False):
    """How the second phase of an autoencoder goes, whose decoder has an ``eps`` of its own."""

    decoder_eps: float


class AdversarialAutoencoder(AdversarialTables):
    """The second phase of an autoencoder: its encoder and its decoder are perturbed.

    Attributes:
        decoder: the table of ``perturbed`` that is the decoder's.

    Example:
        >>> from vrbench.recommenders import AdversarialAutoencoder, AdversarialCDAE
        >>> issubclass(AdversarialCDAE, AdversarialAutoencoder), AdversarialCDAE.decoder
        (True, 'item.weight')
    """

    decoder: ClassVar[str]

    def _phase_of(self, decoder_eps: float, **second: Unpack[AdversarialSettings]) -> None:
        """Keep the settings of the second phase.

        Raises:
            ConfigError: if one is out of range.
        """
        self.refuse_if(decoder_eps < 0, "decoder_eps >= 0")
        self._second_phase(**second)
        self.decoder_eps = decoder_eps

    def radius(self, name: str) -> float:
        """Return the length of a row's change in a table."""
        return self.decoder_eps if name == self.decoder else self.eps


class AdversarialCDAESettings(EpochSettings, AutoencoderPhase, total=False):
    """How adversarial CDAE is built and trained."""

    factors: int
    dropout: float
    negatives: int
    l2: float


class AdversarialCDAE(AdversarialAutoencoder, CDAE):
    """CDAE trained adversarially (Yuan et al., IJCNN 2019), known as ACAE.

    The rows of items on the way in, those of users, and those of items on the way out are
    perturbed, every row by a length of its own.

    Args:
        sizes: users and items.
        eps: length of a row's change on the way in, of items and of users.
        decoder_eps: the same on the way out.
        weight, adversarial_epochs: see ``APR``.
        factors, dropout, negatives, l2, epochs, batch_size, lr, patience, eval_every: see ``CDAE``.

    Example:
        >>> from vrbench.recommenders import AdversarialCDAE
        >>> from vrbench.testing.world import BRISK_USERS, favourites, taught
        >>> model = taught(AdversarialCDAE, factors=8, adversarial_epochs=5, **BRISK_USERS)
        >>> favourites(model) > 0.8
        True
    """

    paper = "Yuan et al., IJCNN 2019"
    defaults = AdversarialCDAESettings(
        eps=0.5,
        decoder_eps=0.5,
        weight=1.0,
        adversarial_epochs=100,
        factors=50,
        dropout=0.5,
        negatives=5,
        l2=0.001,
    )
    decoder = "item.weight"
    perturbed: ClassVar[dict[str, Rows]] = {
        f"{name}.weight": "rows" for name in ("user", "owned", "item")
    }

    def __init__(self, sizes: Sizes, **training: Unpack[AdversarialCDAESettings]) -> None:
        given = self.with_defaults(AdversarialCDAESettings, training)
        first, second = apart(given, AutoencoderPhase)
        super().__init__(sizes, **first)
        self._phase_of(**second)


class AdversarialMultiVAESettings(EpochSettings, AutoencoderPhase, total=False):
    """How adversarial MultiVAE is built and trained."""

    hidden: int
    latent: int
    dropout: float
    beta: float
    anneal_steps: int


class AdversarialMultiVAE(AdversarialAutoencoder, MultiVAE):
    """MultiVAE trained adversarially, as Yuan et al. (IJCNN 2019) train an autoencoder.

    An item's weights in the first layer and in the last one are perturbed; ``fit`` is likelihood
    and divergence.

    Args:
        sizes: users and items.
        eps: length of the change of an item's weights in the first layer.
        decoder_eps: the same in the last layer.
        weight, adversarial_epochs: see ``APR``.
        hidden, latent, dropout, beta, anneal_steps, epochs, batch_size, lr, patience, eval_every:
            see ``MultiVAE``.

    Example:
        >>> from vrbench.recommenders import AdversarialMultiVAE
        >>> from vrbench.testing.world import BRISK_USERS, favourites, taught
        >>> small = {"hidden": 16, "latent": 8, "adversarial_epochs": 5}
        >>> favourites(taught(AdversarialMultiVAE, **small, **BRISK_USERS)) > 0.8
        True
    """

    paper = "Yuan et al., IJCNN 2019"
    defaults = AdversarialMultiVAESettings(
        eps=0.1,
        decoder_eps=0.1,
        weight=1.0,
        adversarial_epochs=100,
        hidden=600,
        latent=200,
        dropout=0.5,
        beta=0.2,
        anneal_steps=2000,
    )
    decoder = "leave.weight"
    perturbed: ClassVar[dict[str, Rows]] = {"enter.weight": "columns", "leave.weight": "rows"}

    def __init__(self, sizes: Sizes, **training: Unpack[AdversarialMultiVAESettings]) -> None:
        given = self.with_defaults(AdversarialMultiVAESettings, training)
        first, second = apart(given, AutoencoderPhase)
        super().__init__(sizes, **first)
        self._phase_of(**second)
