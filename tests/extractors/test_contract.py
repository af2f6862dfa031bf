"""What every extractor must do, of networks and of the defences in front of them."""

from functools import partial

from vrbench.extractors.cnnf import CNNF
from vrbench.extractors.defences.base import JPEG, BitDepth
from vrbench.extractors.defences.denoiser import Denoised
from vrbench.extractors.defences.median import MedianFilter
from vrbench.extractors.defences.random_resize import RandomResize
from vrbench.extractors.small import SmallCNN
from vrbench.extractors.toy import Colour
from vrbench.testing.extractors import ExtractorContract


class TestColour(ExtractorContract):
    make = Colour


class TestSmallCNN(ExtractorContract):
    make = partial(SmallCNN, width=4)


class TestCNNF(ExtractorContract):
    make = partial(CNNF, size=64, width=16)


class TestJPEG(ExtractorContract):
    make = partial(JPEG, SmallCNN(width=4), quality=30)


class TestBitDepth(ExtractorContract):
    make = partial(BitDepth, SmallCNN(width=4))


class TestMedianFilter(ExtractorContract):
    make = partial(MedianFilter, SmallCNN(width=4))


class TestRandomResize(ExtractorContract):
    """Its draws are the picture's own: the same alone and in company."""

    make = partial(RandomResize, SmallCNN(width=4))


class TestDenoised(ExtractorContract):
    make = partial(Denoised, SmallCNN(width=4), width=4)
