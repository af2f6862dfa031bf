"""The recommenders as the code of TAaMR and VAR has them, faults included where asked for."""

from vrbench.recommenders.var2021.acf import ACF2021
from vrbench.recommenders.var2021.amr import AMR2021
from vrbench.recommenders.var2021.dvbpr import DVBPR2021
from vrbench.recommenders.var2021.fm import FM2021
from vrbench.recommenders.var2021.vbpr import VBPR2021, Settings2021, quiet_adagrad

__all__ = [
    "ACF2021",
    "AMR2021",
    "DVBPR2021",
    "FM2021",
    "VBPR2021",
    "Settings2021",
    "quiet_adagrad",
]
