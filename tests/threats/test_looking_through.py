"""A recommender with another image network is one partial of its class, however it was made."""

from functools import partial

import pytest

from vrbench.cli.instantiation import make
from vrbench.core.spec import describe
from vrbench.extractors.toy import Colour
from vrbench.recommenders.base import class_of
from vrbench.recommenders.visual.dvbpr import DVBPR
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.threats.knowledge import looking_through


def from_hydra():
    target = f"{DVBPR.__module__}.{DVBPR.__name__}"
    return make({"_target_": target, "_partial_": True, "factors": 3})


def labelled():
    made = partial(DVBPR, factors=3)
    made.origin = "a configuration"
    return made


@pytest.mark.parametrize("factory", [lambda: partial(DVBPR, factors=3), labelled, from_hydra])
def test_the_class_and_the_settings_stay(factory):
    seen = looking_through(factory(), Colour())
    assert class_of(seen) is DVBPR
    assert seen.keywords["factors"] == 3
    assert isinstance(seen.keywords["network"], Colour)
    assert describe(seen) == describe(partial(DVBPR, factors=3, network=Colour()))


def test_who_takes_no_network_stays_as_it_is():
    factory = partial(VBPR)
    assert looking_through(factory, Colour()) is factory
    assert class_of(looking_through(DVBPR, Colour())) is DVBPR
