import io

import numpy as np
import pytest
import torch
from PIL import Image

from vrbench.attacks.budget import Linf
from vrbench.attacks.goal import Verdict
from vrbench.attacks.gradient.pgd import PGD
from vrbench.core.errors import ConfigError, DataError, IncompatibleError
from vrbench.core.seeds import Streams, stream
from vrbench.core.visuals import Signal
from vrbench.extractors.base import Extractor, Features, Lesson
from vrbench.extractors.defences.base import JPEG, BitDepth
from vrbench.extractors.defences.denoiser import Denoised, depart
from vrbench.extractors.defences.random_resize import RandomResize
from vrbench.extractors.inference_copy import swift
from vrbench.extractors.small import SmallCNN
from vrbench.extractors.toy import Colour
from vrbench.extractors.training.standard import Standard
from vrbench.testing.attacks import victim

PIXELS = torch.randint(0, 256, (4, 3, 40, 32), generator=stream(0)) / 255
FRONTS = {
    "jpeg": lambda inner: JPEG(inner, quality=30),
    "bits": lambda inner: BitDepth(inner, bits=2),
    "random": lambda inner: RandomResize(inner, reach=0.4),
    "denoised": lambda inner: disturbed(Denoised(inner, width=4)),
    "both": lambda inner: JPEG(BitDepth(inner, bits=3), quality=50),
}


def disturbed(made):
    """Return a denoiser that does something."""
    rng = stream(3)
    for parameter in made.front.parameters():
        parameter.data.copy_(0.1 * torch.randn(parameter.shape, generator=rng))
    return made


def network():
    made = SmallCNN(width=4)
    made.build(("a", "b", "c"))
    made.redraw(stream(1))
    return made.eval().requires_grad_(False)


def defended(name, inner=None):
    made = FRONTS[name](inner or network())
    return made.eval().requires_grad_(False)


@pytest.mark.parametrize("quality", [1, 50, 75, 100])
def test_jpeg_is_pillows_own_round_trip(quality):
    served = JPEG(Colour(), quality=quality).front(PIXELS)
    for ours, picture in zip(served, PIXELS, strict=True):
        file = io.BytesIO()
        levels = (picture * 255).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(levels).save(file, "JPEG", quality=quality)
        theirs = np.asarray(Image.open(file))
        assert np.array_equal((ours * 255).round().byte().permute(1, 2, 0).numpy(), theirs)
        assert torch.equal(ours, torch.from_numpy(theirs.copy()).permute(2, 0, 1) / 255)


def test_lower_quality_and_fewer_bits_lose_more():
    def lost(made):
        return float((made.front(PIXELS) - PIXELS).abs().mean())

    by_quality = [lost(JPEG(Colour(), quality=q)) for q in (95, 75, 50, 10)]
    assert by_quality == sorted(by_quality)
    by_bits = [lost(BitDepth(Colour(), bits=b)) for b in (8, 6, 4, 2, 1)]
    assert by_bits[0] == 0
    assert by_bits == sorted(by_bits)


@pytest.mark.parametrize("bits", [1, 2, 5])
def test_bit_depth_takes_the_nearest_value(bits):
    values = torch.arange(2**bits) / (2**bits - 1)
    x = torch.arange(256) / 255
    nearest = values[(x[:, None] - values).abs().argmin(1)]
    served = BitDepth(Colour(), bits=bits).front(x.reshape(1, 1, 16, 16)).flatten()
    assert torch.allclose(served, nearest, atol=1e-6)


@pytest.mark.parametrize("name", FRONTS)
def test_the_network_sees_purified_pictures_row_by_row(name):
    made = defended(name)
    inner = made.undefended
    assert type(inner) is SmallCNN
    seen = PIXELS
    layer = made
    while layer is not inner:
        seen, layer = layer.front(seen), layer.inner
    assert not torch.equal(seen, PIXELS)
    for ours, theirs in zip(made(PIXELS), inner(seen), strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(made.see(PIXELS, Signal.VECTOR), inner(seen).vector)
    alone = torch.cat([made.front(p[None]) for p in PIXELS])
    together = made.front(PIXELS)
    if name in ("jpeg", "bits", "both"):  # levels are whole numbers
        assert torch.equal(alone, together)
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["jpeg", "bits", "both"])
def test_the_gradient_is_the_networks_at_the_purified_picture(name):
    """BPDA: the backward pass takes the step for the identity, the forward pass does not."""
    made = defended(name)
    inner = made.undefended
    x = PIXELS.clone().requires_grad_()
    made(x).logits[:, 1].sum().backward()
    seen, layer = PIXELS, made
    while layer is not inner:
        seen, layer = layer.front(seen), layer.inner
    point = seen.clone().requires_grad_()
    inner(point).logits[:, 1].sum().backward()
    assert x.grad.abs().sum() > 0
    assert torch.equal(x.grad, point.grad)
    assert torch.equal(made(x).logits.detach(), made(PIXELS).logits)


@pytest.mark.parametrize("name", FRONTS)
def test_a_swift_copy_stands_behind_the_same_step(name):
    made = defended(name)
    quick = swift(made)
    for ours, theirs in zip(quick(PIXELS), made(PIXELS), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-3 * float(theirs.abs().max()))
    assert quick.classes == ("a", "b", "c")
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in quick.modules())
    x = PIXELS.clone().requires_grad_()
    quick(x).logits[:, 0].sum().backward()
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("name", FRONTS)
def test_half_the_bits_are_for_the_network_not_for_the_picture(name):
    """In bfloat16 one grey level is another, and the file of a JPEG is another file."""
    made = defended(name)
    seen, layer = PIXELS, made
    while layer is not made.undefended:
        seen, layer = layer.front(seen), layer.inner
    ours = swift(made, dtype=torch.bfloat16)(PIXELS)
    theirs = swift(made.undefended, dtype=torch.bfloat16)(seen)
    assert torch.equal(ours.logits, theirs.logits)
    assert ours.logits.dtype == torch.float32


@pytest.mark.parametrize("name", FRONTS)
def test_the_trunk_begins_with_the_step(name):
    made = defended(name)
    trunk, last = made.halves()
    assert torch.allclose(last(trunk(PIXELS)), made(PIXELS).vector, atol=1e-5)


class Picky(Extractor):
    """A network that the contract of attacks is tested on."""

    classes = ("a", "b", "c", "d")

    def __init__(self) -> None:
        super().__init__()
        self.network = victim()

    def forward(self, pixels):
        logits = self.network(pixels)
        return Features(logits, logits[:, None], logits)


def towards(extractor, target=1):
    class Goal:
        def judge(self, x, items):
            logits = extractor(x).logits
            rest = logits.index_fill(1, torch.tensor([target]), -torch.inf).amax(1)
            return Verdict(-logits.log_softmax(1)[:, target], rest - logits[:, target])

    return Goal()


@pytest.mark.parametrize("name", ["jpeg", "bits", "denoised"])
def test_who_knows_the_defence_does_better(name, world):
    items = torch.arange(24)
    clean = world.catalogue.images[items]
    made = defended(name, Picky().eval().requires_grad_(False))
    loss = {}
    for spy in (made.undefended, made):
        x = PGD(steps=20, step=0.1)(clean, items, towards(spy), Linf(eps=24), Streams(0))
        loss[spy] = towards(made).judge(x, items).loss.mean()
    nothing = towards(made).judge(clean, items).loss.mean()
    assert loss[made] < loss[made.undefended] < nothing


def test_an_extractor_without_a_step_in_front_has_nothing_undefended():
    with pytest.raises(IncompatibleError, match="no step stands in front of Standard"):
        Standard(SmallCNN()).undefended  # noqa: B018 (it is the access that raises)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: JPEG(Colour(), quality=0), r"JPEG\.quality: expected 1 to 100, got 0"),
        (lambda: JPEG(Colour(), quality=101), r"JPEG\.quality: expected 1 to 100, got 101"),
        (lambda: BitDepth(Colour(), bits=9), r"BitDepth\.bits: expected 1 to 8, got 9"),
        (lambda: BitDepth(Colour(), bits=0), r"BitDepth\.bits: expected 1 to 8, got 0"),
        (lambda: RandomResize(Colour(), reach=1.0), r"RandomResize\.reach: expected between"),
        (lambda: Denoised(Colour(), steps=0), r"Denoised: expected width, steps"),
        (lambda: Denoised(Colour(), pixels=-1.0), r"Denoised: expected .*pixels >= 0"),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


# A defence that draws lots.


def test_draws_depend_on_the_picture_and_nothing_else():
    front = RandomResize(Colour(), reach=0.4).front
    drawn = front.draws(PIXELS)
    assert torch.equal(front.draws(PIXELS[[2]]), drawn[[2]])
    assert torch.equal(front.draws(PIXELS.to(memory_format=torch.channels_last)), drawn)
    changed = PIXELS.clone()
    changed[0, 0, 0, 0] += 1 / 255 if changed[0, 0, 0, 0] < 0.5 else -1 / 255
    assert (front.draws(changed)[0] != drawn[0]).all()
    assert torch.equal(front.draws(changed)[1:], drawn[1:])
    many = front.draws(torch.rand(2000, 3, 4, 4, generator=stream(0)))
    assert torch.allclose(many.mean(0), torch.full((3,), 0.5, dtype=many.dtype), atol=0.03)
    assert torch.allclose(many.std(0), torch.full((3,), 12**-0.5, dtype=many.dtype), atol=0.02)
    assert 0 <= many.min() < 0.01
    assert 0.99 < many.max() < 1


def test_a_ramp_is_shrunk_and_moved_as_drawn(monkeypatch):
    """Where the picture is, a ramp stays a ramp, 1 / scale as steep; around it, its border."""
    front = RandomResize(Colour(), reach=0.5).front
    monkeypatch.setattr(front, "draws", lambda x: torch.tensor([[0.5, 1.0, 0.5]]))
    middles = (torch.arange(64) + 0.5) / 64
    x = middles.expand(1, 3, 64, 64).contiguous()
    row = front(x)[0, 0, 30]
    ramp = (middles - 0.25) / 0.75  # three quarters as wide, at the right edge
    inside = (ramp > 0.01) & (ramp < 0.99)
    assert torch.allclose(row[inside], ramp[inside], atol=1e-5)
    assert torch.allclose(row[ramp < 0], middles[0])
    monkeypatch.setattr(front, "draws", lambda x: torch.tensor([[0.0, 0.3, 0.9]]))
    assert torch.allclose(front(x), x, atol=1e-5)


def test_other_draws_leave_the_shops_alone():
    made = JPEG(RandomResize(network(), reach=0.4), quality=90).eval()
    before = made(PIXELS).vector
    other = made.redrawn(1)
    assert not torch.allclose(other(PIXELS).vector, before)
    assert not torch.allclose(made.redrawn(2)(PIXELS).vector, other(PIXELS).vector)
    assert torch.equal(made.redrawn(0)(PIXELS).vector, before)
    assert torch.equal(made(PIXELS).vector, before)
    assert other.undefended is made.undefended
    quick = swift(made)
    assert torch.allclose(quick.redrawn(1)(PIXELS).vector, other(PIXELS).vector, atol=1e-4)
    still = JPEG(network(), quality=90)
    assert still.redrawn(1) is still
    assert swift(still).redrawn(1).fronts[0].quality == 90


# A defence that learns.


@pytest.fixture(scope="module")
def lesson(world):
    items, catalogue = torch.arange(36), world.catalogue
    return Lesson(catalogue.images, catalogue.categories, catalogue.names, items[:27], items[27:])


@pytest.fixture(scope="module")
def standard(lesson):
    made = Standard(SmallCNN(width=4, size=32), epochs=8, batch_size=9)
    made.build(lesson.names)
    made.fit(lesson, stream(0))
    return made


def denoised(standard, lesson):
    made = Denoised(standard, width=8, batch_size=9, epochs=40, lr=0.01, eps=32)
    return made, made.fit(lesson, stream(0))


def test_a_denoiser_brings_features_back(standard, lesson):
    before = {k: v.clone() for k, v in standard.state_dict().items()}
    made, report = denoised(standard, lesson)
    assert all(torch.equal(v, standard.state_dict()[k]) for k, v in before.items())
    assert report.final["clean_accuracy"] == 1
    assert report.final["features_recovered"] > 0.3
    assert report.curve[-1]["loss"] < report.curve[0]["loss"]

    # The same, measured here: the served features of attacked pictures move less.
    x = lesson.images[lesson.held_out]
    radius = torch.full((len(x), 1, 1, 1), 32 / 255)
    aim = standard(x).vector.detach()
    noise = radius * (2 * torch.rand(x.shape, generator=stream(9)) - 1)
    attacked = depart(standard, x, aim, noise, radius, 10)
    assert ((attacked - x).abs() <= radius + 1e-6).all()
    with torch.no_grad():
        moved = (standard(attacked).vector - aim).norm(dim=1)
        served = (made(attacked).vector - made(x).vector).norm(dim=1)
    assert served.mean() < 0.8 * moved.mean()


def test_an_untaught_denoiser_recovers_nothing(standard, lesson):
    made = Denoised(standard, width=8, eps=32)
    torch.nn.init.zeros_(made.front.leave.weight)
    torch.nn.init.zeros_(made.front.leave.bias)
    assert made.recovered(lesson) == pytest.approx(0, abs=1e-6)


def test_teaching_a_denoiser_is_a_pure_function(standard, lesson):
    def weights(made, seed):
        made.fit(lesson, stream(seed))
        return [p.clone() for p in made.front.parameters()]

    made = Denoised(standard, width=4, batch_size=9, epochs=1)
    first, other, again = weights(made, 0), weights(made, 1), weights(made, 0)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    few = Lesson(lesson.images, lesson.labels, lesson.names, lesson.train[:2], lesson.held_out)
    with pytest.raises(DataError, match="too few to teach Denoised"):
        made.fit(few, stream(0))


def test_odd_sizes_stay_as_they_are():
    front = disturbed(Denoised(network(), width=4)).front
    assert front(PIXELS[:, :, :31, :29]).shape == (4, 3, 31, 29)


def test_white_backgrounds_hide_no_gradient():
    made = disturbed(Denoised(network(), width=4)).eval()
    x = torch.ones(1, 3, 32, 32, requires_grad=True)
    made.front.leave.bias.data.fill_(1.0)  # everything is beyond white
    served = made.front(x)
    assert (served == 1).all()
    served.sum().backward()
    assert (x.grad != 0).any()
