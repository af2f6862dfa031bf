import pytest
import torch

from vrbench.attacks.budget import Linf
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.minimum_norm.cw import CW
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams, stream
from vrbench.extractors.base import Lesson
from vrbench.extractors.inference_copy import swift
from vrbench.extractors.small import SmallCNN
from vrbench.extractors.training.distilled import Distilled
from vrbench.extractors.training.standard import Standard
from vrbench.threats.case import Case
from vrbench.threats.objectives.misclassification import TargetClass, Untargeted

ITEMS = torch.arange(36)


@pytest.fixture(scope="module")
def lesson(world):
    c = world.catalogue
    return Lesson(c.images, c.categories, c.names, ITEMS[:27], ITEMS[27:])


def teach(made, lesson):
    made.build(lesson.names)
    report = made.fit(lesson, stream(0))
    return made.requires_grad_(False), report


@pytest.fixture(scope="module")
def standard(lesson):
    return teach(Standard(SmallCNN(width=4, size=32), epochs=8, batch_size=9), lesson)[0]


@pytest.fixture(scope="module")
def taught(lesson):
    return teach(Distilled(SmallCNN(width=4, size=32), epochs=8, batch_size=9), lesson)


@pytest.fixture(scope="module")
def distilled(taught):
    return taught[0]


def success(attack, objective, extractor, world):
    """Return the share of red pictures whose finished version reaches the aim."""
    c = world.catalogue
    red = ITEMS[c.categories == 0]
    case = Case(source="red", target="blue", names=c.names, labels=c.categories, items=red)
    goal = objective(case, extractor)
    x = attack(c.images[red], red, goal, Linf(eps=64), Streams(0))
    return float(goal.reached(x, red).float().mean())


def test_teacher_and_student_learn_and_are_reported(taught):
    made, report = taught
    final = report.final
    assert final["clean_accuracy"] == final["teacher_accuracy"] == 1
    assert final["masked_robust_accuracy"] >= final["robust_accuracy"]
    assert len(report.curve) == 16
    assert not any("teacher" in name for name in made.state_dict())


def test_the_student_learns_the_teachers_probabilities_at_the_same_temperature(lesson):
    """The loss is the cross-entropy of both softmaxes at T, written out from served logits."""
    made = Distilled(SmallCNN(width=4), temperature=7.0, batch_size=9)
    teacher = Distilled(SmallCNN(width=4), temperature=7.0)
    for seed, network in enumerate((made, teacher)):
        network.build(lesson.names)
        network.redraw(stream(seed))
        network.eval()
    x, y = lesson.images[ITEMS[:9]], lesson.labels[:9]
    soft = (teacher(x).logits / 7).softmax(1)
    log_student = (made(x).logits / 7).log_softmax(1)
    made._teacher = [teacher.network]
    loss = made.step_loss(made.logits, x, y, {})
    assert torch.allclose(loss, -(soft * log_student).sum(1).mean(), atol=1e-5)
    made._teacher = []
    hard = made.step_loss(made.logits, x, y, {})
    assert torch.allclose(hard, -log_student[torch.arange(9), y].mean(), atol=1e-5)


def test_the_served_softmax_is_saturated(distilled, standard, world):
    x = world.catalogue.images[ITEMS]
    assert (distilled(x).logits.softmax(1).amax(1) == 1).all()
    assert (standard(x).logits.softmax(1).amax(1) < 1).all()


def test_cross_entropy_fails_where_the_margin_of_the_logits_succeeds(distilled, standard, world):
    """Papernot's claim, and Carlini and Wagner's answer."""
    pgd, cw = PGD(), CW(confidence=1.0)
    assert success(pgd, Untargeted, standard, world) == 1
    assert success(pgd, Untargeted, distilled, world) < 0.2
    assert success(cw, Untargeted, distilled, world) == 1


def test_towards_another_class_nothing_saturates(distilled, world):
    assert success(PGD(), TargetClass, distilled, world) > 0.8


def test_a_swift_copy_serves_the_same_logits(distilled, world):
    x = world.catalogue.images[ITEMS]
    assert torch.allclose(swift(distilled)(x).logits, distilled(x).logits, rtol=1e-3, atol=0.1)


def test_a_temperature_of_one_is_refused():
    with pytest.raises(ConfigError, match=r"Distilled\.temperature: expected above 1, got 1"):
        Distilled(SmallCNN(), temperature=1.0)
