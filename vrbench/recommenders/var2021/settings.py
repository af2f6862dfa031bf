"""What the models that VAR's code trains by one rate share."""

from __future__ import annotations

from vrbench.core.descent import DescentSettings


class CodedSettings(DescentSettings, total=False):
    """How ACF, DVBPR and FM are trained in the code of VAR."""

    factors: int
