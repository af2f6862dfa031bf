from functools import partial

from tests.recommenders.contract import PairwiseContract
from vrbench.recommenders.fm import FM

FAST = {
    "factors": 8,
    "epochs": 60,
    "batch_size": 64,
    "lr": 0.05,
    "visual_lr": 0.05,
    "l2": 0.01,
    "l2_visual": 0.0001,
}


class TestFM(PairwiseContract):
    make = partial(FM, **FAST)
