"""The command line: Hydra composes and ends here."""

from vrbench.core.lazy import names as _names

__getattr__, __dir__ = _names(
    __name__,
    modules=(),
    defined={
        "vrbench.cli.app": ("main",),
        "vrbench.cli.axes": ("name_of",),
        "vrbench.cli.folders": ("conf_dir",),
    },
)
