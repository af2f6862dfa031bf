import pytest
import torch
import torch.nn.functional as F

from vrbench.core.errors import ConfigError, DataError, DivergedError
from vrbench.core.seeds import stream
from vrbench.extractors.base import Lesson, redraw
from vrbench.extractors.pretrained.torchvision_networks import Torchvision
from vrbench.extractors.small import SmallCNN
from vrbench.extractors.training.adversarial import Adversarial
from vrbench.extractors.training.base import ascend, augmented
from vrbench.extractors.training.free import Free
from vrbench.extractors.training.standard import Standard

REGIMES = [Standard, Adversarial, Free]


@pytest.fixture(scope="module")
def lesson(world):
    items, catalogue = torch.arange(36), world.catalogue
    return Lesson(catalogue.images, catalogue.categories, catalogue.names, items[:27], items[27:])


def taught(regime, lesson, seed=0, **settings):
    made = regime(SmallCNN(width=4, size=32), epochs=8, batch_size=9, **settings)
    made.build(lesson.names)
    return made, made.fit(lesson, stream(seed))


@pytest.fixture(scope="module", params=REGIMES)
def learnt(request, lesson):
    """A network that was taught once, for tests that only look at it, and the report."""
    return taught(request.param, lesson)


def test_colours_are_learnt_and_reported(learnt, lesson):
    made, report = learnt
    assert report.final["clean_accuracy"] == 1
    assert report.final["robust_accuracy"] > 0.9
    assert len(report.curve) == 8
    assert made.classes == lesson.names


def test_teaching_is_a_pure_function(learnt, lesson):
    first, _ = learnt
    again, _ = taught(type(first), lesson, seed=5)
    other = again.state_dict()["network.stem.0.0.weight"].clone()
    again.fit(lesson, stream(0))
    for key, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key
    assert not torch.equal(other, first.state_dict()["network.stem.0.0.weight"])


def test_the_inner_attack_climbs_to_the_corner_of_a_linear_loss():
    weight = torch.randn(3 * 16, 2, generator=stream(0))
    x = 0.5 * torch.ones(2, 3, 4, 4)
    delta = ascend(lambda x: x.flatten(1) @ weight, x, torch.tensor([0, 1]), 0 * x, 0.1, 0.04, 5)
    slope = (weight[:, 1] - weight[:, 0]).reshape(3, 4, 4)
    assert torch.allclose(delta[0], 0.1 * slope.sign())
    assert torch.allclose(delta[1], -0.1 * slope.sign())


def test_free_noise_ascends_and_lives_on(lesson):
    made = Free(SmallCNN(width=4), eps=4, batch_size=9)
    made.build(lesson.names)
    made.eval()
    x, y, state = lesson.images[torch.arange(9)], lesson.labels[:9], {"done": 0.0}
    made.step_loss(made.logits, x, y, state).backward()
    noise = state["noise"].clone()
    moved = noise != 0
    assert moved.any()
    assert torch.allclose(noise[moved].abs(), torch.tensor(4 / 255))
    before = F.cross_entropy(made.logits(x), y)
    after = made.step_loss(made.logits, x, y, state)
    assert after > before
    after.backward()
    assert (state["noise"].abs() <= 4 / 255 + 1e-7).all()


def test_augmentation_mirrors_and_shifts():
    x = torch.arange(32.0).expand(4, 3, 32, 32).contiguous()
    seen = [augmented(x, stream(s)) for s in range(10)]
    assert all(s.shape == x.shape for s in seen)
    falling = torch.cat([s[:, 0, 0, 5] > s[:, 0, 0, 20] for s in seen])
    assert 0 < falling.float().mean() < 1
    assert len({float(s[0, 0, 0, 10]) for s in seen}) > 3


def test_a_head_alone_leaves_the_trunk_as_published(lesson, tmp_path):
    from torchvision.models import resnet18

    torch.save(resnet18().state_dict(), tmp_path / "w.pth")
    trunk = Torchvision(arch="resnet18", weights=str(tmp_path / "w.pth"), size=32)
    before = {k: v.clone() for k, v in trunk.network.state_dict().items() if "fc" not in k}
    made = Standard(trunk, epochs=20, batch_size=9, part="head", lr=0.5)
    made.build(lesson.names)
    report = made.fit(lesson, stream(0))
    assert report.final["train_accuracy"] > 0.9
    after = trunk.network.state_dict()
    assert all(torch.equal(after[k], v) for k, v in before.items())


def test_mistakes_are_named(lesson):
    with pytest.raises(ConfigError, match="part=head teaches the last layer"):
        Standard(SmallCNN(), part="head")
    with pytest.raises(ConfigError, match="wrap it in a training regime"):
        SmallCNN().fit(lesson, stream(0))
    few = Lesson(lesson.images, lesson.labels, lesson.names, lesson.train[:2], lesson.held_out)
    with pytest.raises(DataError, match="too few to teach"):
        taught(Standard, few)
    with pytest.raises(DivergedError, match=r"lower extractor\.lr"):
        taught(Standard, lesson, lr=1e30)


@pytest.mark.slow
def test_the_default_network_learns_the_boutique_but_not_too_easily():
    from vrbench.data.sources.boutique import boutique

    catalogue = boutique().catalogue
    order = torch.randperm(len(catalogue), generator=stream(0))
    lesson = Lesson(
        catalogue.images, catalogue.categories, catalogue.names, order[144:], order[:144]
    )
    clean, robust = {}, {}
    for regime in REGIMES:
        made = regime(SmallCNN())
        made.build(lesson.names)
        final = made.fit(lesson, stream(0)).final
        clean[regime], robust[regime] = final["clean_accuracy"], final["robust_accuracy"]
    assert 0.75 < clean[Standard] < 0.97
    assert robust[Adversarial] > robust[Standard] + 0.15
    assert robust[Free] > robust[Standard] + 0.15
    assert clean[Adversarial] > 0.6
    assert clean[Free] > 0.6


class Known(SmallCNN):
    """A network that came with weights, and counts the pictures it is shown."""

    name = "test.Known"

    def __init__(self):
        super().__init__(width=4, size=32)
        self.shown = 0

    @property
    def origin(self):
        return {"file": "drawn"}

    def forward(self, pixels):
        self.shown += len(pixels)
        return super().forward(pixels)


def probed(lesson, epochs, **settings):
    network = Known()
    made = Standard(network, part="head", epochs=epochs, batch_size=9, **settings)
    redraw(network, stream(0))
    made.build(lesson.names)
    trunk = network.stem[0][0].weight.clone()
    report = made.fit(lesson, stream(0))
    assert torch.equal(network.stem[0][0].weight, trunk)
    return made, report


def test_a_frozen_trunk_is_run_once_however_long_the_head_is_taught(lesson):
    short, _ = probed(lesson, 1)
    long, report = probed(lesson, 40, lr=0.5)
    attacked = len(lesson.held_out) * 11  # PGD-10, and the verdict
    assert short.network.shown == long.network.shown == len(lesson.labels) + attacked
    assert report.final["clean_accuracy"] == 1
    assert len(report.curve) == 40


def test_what_a_probe_says_of_itself_is_what_is_served(lesson):
    made, report = probed(lesson, 3)
    served = made(lesson.images[lesson.held_out]).logits.argmax(1)
    right = (served == lesson.labels[lesson.held_out]).float().mean()
    assert report.final["clean_accuracy"] == pytest.approx(right.item())


def test_a_probe_is_another_thing_than_before_and_the_rest_is_not():
    assert Standard(Known(), part="head").spec["version"] == 2
    assert Standard(Known()).spec["version"] == 1
