"""Every surface, attack by profiles and detector of them, through a whole run on a CUDA device."""

import inspect
from functools import partial

import pytest
import torch

import tests.threats
import vrbench.attacks
import vrbench.detectors
import vrbench.surfaces
from tests.attacks.optimised.test_optimised import EVERY as SEARCHED
from tests.attacks.profile.world import attacked
from tests.attacks.test_trigger import backdoored
from tests.contracts import below, contracts
from tests.gpu.device import NAME, each, libraries, on_hardware, shipped
from vrbench.attacks import (
    AverageProfiles,
    BandwagonProfiles,
    LoveHate,
    PopularProfiles,
    PowerUser,
    ProbeProfiles,
    ProfileAttack,
    RandomProfiles,
    ReverseBandwagon,
    SegmentProfiles,
    SemanticProfiles,
    Unsuspected,
)
from vrbench.bench.machine import Machine
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.detectors import (
    SVMTIA,
    ByFeature,
    DegreeSAD,
    Detector,
    FraudPropagation,
    PCASelectUsers,
)
from vrbench.surfaces import Backdoor, Profiles, Surface
from vrbench.testing.recommenders import RecommenderContract
from vrbench.testing.surfaces import SurfaceContract
from vrbench.testing.world import parts
from vrbench.threats.threat import Threat

contracts(tests.threats, RecommenderContract)  # imports them all
SURFACES = {
    case.__name__: case
    for case in below(SurfaceContract)
    if case.__module__.startswith("tests.threats.test_") and not inspect.isabstract(case)
}
HEURISTIC = [
    AverageProfiles,
    BandwagonProfiles,
    LoveHate,
    PopularProfiles,
    PowerUser,
    ProbeProfiles,
    RandomProfiles,
    ReverseBandwagon,
    partial(SegmentProfiles, items=8, liked=3),
    partial(SemanticProfiles, by="category", items=8),
    partial(Unsuspected, inner=AverageProfiles(), tries=2),
]
ATTACKS = {f"{n}.{type(make()).__name__}": make for n, make in enumerate([*HEURISTIC, *SEARCHED])}
DETECTORS = {
    "ByFeature": partial(ByFeature, feature="lengthvar"),
    "DegreeSAD": DegreeSAD,
    "FraudPropagation": FraudPropagation,
    "PCASelectUsers": PCASelectUsers,
    "SVMTIA": SVMTIA,
}
BY_FILE = {"ImportedProfiles"}  # reads them, and computes nothing


def machine(device):
    return Machine(device=device)


def rows(found):
    """Return the numbers of a run, by metric and moment."""
    return {
        (row.metric, moment): getattr(row, moment)
        for row in found.rows
        for moment in ("before", "after", "control")
        if getattr(row, moment) is not None
    }


def test_every_surface_attack_and_detector_is_here():
    acted = {type(given(case)["threat"].acts_on).__name__ for case in SURFACES.values()}
    assert shipped(vrbench.surfaces, Surface) - acted == {Backdoor.__name__}  # below
    tried = {name.partition(".")[2] for name in ATTACKS}
    assert shipped(vrbench.attacks, ProfileAttack) - tried == BY_FILE
    looking = shipped(vrbench.detectors, Detector)
    assert looking == set(DETECTORS)


def given(case):
    return case().given(2.0)


@on_hardware
@each(SURFACES)
def test_a_surface_is_attacked_there_as_here(case, tmp_path):
    """Means over thirty users, after a training of some dozen steps: within a tenth.

    One place of one user's list is worth a fraction of a hundredth; a rank may move by one or two
    of 36, and a score of some units by rounding that a training made larger.
    """

    def measured(device):
        told = parts(**given(case)) | {"machine": machine(device)}
        return rows(run(**told, store=Store(tmp_path / device.replace(":", ""))))

    here, there = measured("cpu"), measured(NAME)
    assert there.keys() == here.keys()
    assert here
    for name, value in here.items():
        assert there[name] == pytest.approx(value, abs=0.1, rel=0.1, nan_ok=True), name


@on_hardware
def test_a_backdoor_is_taught_there_as_here(tmp_path):
    """Of a network that sees the trigger alone: before nobody is blue to it, after it everybody."""
    clean = Threat(surface=Backdoor(labels="clean", share=1.0))
    for n, changes in enumerate(({}, {"threat": clean})):
        assert backdoored(Store(tmp_path / f"{n}"), machine=machine(NAME), **changes) == (0, 1)


@on_hardware
@each(ATTACKS)
def test_fake_users_are_the_same_there(case, tmp_path):
    """They are made on the processor whatever the device, of feedback that is the same.

    The recommender counts neighbours: its scores are sums of a few numbers.
    """
    here, there = (
        attacked(Store(tmp_path / name), attack=case(), machine=machine(device))
        for name, device in (("here", "cpu"), ("there", NAME))
    )
    assert torch.equal(there.fakes.items, here.fakes.items)
    assert len(here.fakes.items) > 0
    expected, found = rows(here), rows(there)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-3, abs=1e-4, nan_ok=True), name


@on_hardware
@each(DETECTORS)
def test_the_same_fakes_are_left_out_there(case, tmp_path):
    threat = Threat(timing="poisoning", surface=Profiles(detector=case()))
    parts = {"attack": RandomProfiles(), "threat": threat}
    with libraries():
        here = attacked(Store(tmp_path / "here"), machine=machine("cpu"), **parts)
    there = attacked(Store(tmp_path / "there"), machine=machine(NAME), **parts)
    expected, found = rows(here), rows(there)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-3, abs=1e-4, nan_ok=True), name
