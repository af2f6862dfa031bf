"""What every objective must do. Subclass, set ``make``, and inherit its tests."""

from functools import cache, partial
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from vrbench.attacks.budget import Linf
from vrbench.attacks.feature_budget import Rows
from vrbench.attacks.goal import Verdict
from vrbench.attacks.gradient.pgd import PGD
from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import Streams
from vrbench.core.spec import digest, inputs_of
from vrbench.extractors.toy import Colour
from vrbench.recommenders.base import Recommender
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.testing.world import BRISK_LOOKS, looks, taught, toy_case, toy_world
from vrbench.threats.objectives.base import Objective


@cache
def knowledge(recommender: Any) -> dict[str, Any]:
    """Return what an adversary may know of the toy world, by name, once for all tests."""
    world, network = toy_world(), Colour().eval().requires_grad_(False)
    model = taught(recommender)
    model.zero_grad()
    return {
        "case": toy_case(),
        "extractor": network,
        "images": world.catalogue.images,
        "train": world.train,
        "recommender": model,
        "visuals": looks(world, network, model.signal),
    }


class ObjectiveContract:
    """Six pictures of the toy world, whose red items an adversary attacks."""

    make: ClassVar[Any]  # an objective's class, or a partial of it; it is given what it asks for
    recommender: ClassVar[Any] = partial(VBPR, **BRISK_LOOKS)  # whose lists are attacked
    of_features = False  # it judges what the recommender is shown, in place of pictures
    smooth = True  # there is a gradient; False: it goes with attacks that ask, only

    @property
    def known(self) -> dict[str, Any]:
        """What an adversary may know of the toy world, by name."""
        return knowledge(type(self).recommender)

    @pytest.fixture
    def aim(self) -> Objective:
        of = type(self).make
        made: Objective = of(**{name: self.known[name] for name in inputs_of(of)})
        return made

    @pytest.fixture
    def items(self) -> Tensor:
        return torch.tensor([9, 3, 0, 30, 12, 6])

    @pytest.fixture
    def clean(self, items: Tensor) -> Tensor:
        shown: Tensor = self.known["visuals" if self.of_features else "images"][items]
        return shown.clone()

    @pytest.fixture
    def other(self, clean: Tensor) -> Tensor:
        """What the items could look like instead."""
        moved = clean + 0.1 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
        return moved if self.of_features else moved.clamp(0, 1)

    @torch.no_grad()
    def test_a_verdict_a_picture(self, aim: Objective, other: Tensor, items: Tensor) -> None:
        verdict = aim.judge(other, items)
        assert verdict.loss.shape == verdict.margin.shape == (6,)
        assert verdict.loss.isfinite().all()
        assert verdict.margin.isfinite().all()
        assert torch.equal(aim.reached(other, items), verdict.margin < 0)

    @torch.no_grad()
    def test_company_and_order_change_nothing(
        self, aim: Objective, other: Tensor, items: Tensor
    ) -> None:
        together, order = aim.judge(other, items), torch.tensor([3, 0, 5, 1, 2, 4])
        alone = [aim.judge(x[None], item[None]) for x, item in zip(other, items, strict=True)]
        near(together, Verdict(*(torch.cat(part) for part in zip(*alone, strict=True))))
        shuffled = aim.judge(other[order], items[order])
        near(together, Verdict(*(part[order.argsort()] for part in shuffled)))

    @torch.no_grad()
    def test_one_item_in_several_pictures_is_judged_by_each(
        self, aim: Objective, clean: Tensor, other: Tensor, items: Tensor
    ) -> None:
        """As an attack that asks has it: one item, and many pictures of it in one question."""
        both = aim.judge(torch.cat([clean, other]), items.repeat(2))
        apart = zip(aim.judge(clean, items), aim.judge(other, items), strict=True)
        near(both, Verdict(*(torch.cat(part) for part in apart)))

    def test_who_follows_the_gradient_comes_nearer(
        self, aim: Objective, clean: Tensor, items: Tensor
    ) -> None:
        if not self.smooth:
            with pytest.raises(IncompatibleError):
                aim.judge(clean.requires_grad_(), items)
            return
        budget = Rows(eps=1.0) if self.of_features else Linf(eps=32)
        x = PGD(steps=10)(clean, items, aim, budget, Streams(0))
        with torch.no_grad():
            before, after = aim.judge(clean, items), aim.judge(x, items)
        assert after.loss.mean() < before.loss.mean()
        assert after.margin.mean() < before.margin.mean()

    def test_what_it_knows_is_left_alone(
        self, aim: Objective, clean: Tensor, items: Tensor
    ) -> None:
        models = [part for part in self.known.values() if isinstance(part, Colour | Recommender)]
        before = [{k: v.clone() for k, v in m.state_dict().items()} for m in models]
        x, key = clean.clone(), digest(aim)
        loss = aim.judge(x.requires_grad_(self.smooth), items).loss.sum()
        if self.smooth:
            loss.backward()
        assert torch.equal(x, clean)
        assert digest(aim) == key
        for model, weights in zip(models, before, strict=True):
            assert all(p.grad is None for p in model.parameters())
            assert all(torch.equal(v, model.state_dict()[k]) for k, v in weights.items())

    def test_what_it_reads_of_the_case_has_a_key(self, aim: Objective) -> None:
        for case in (self.known["case"], None):
            told = [aim.told(case, example=True) for _ in range(2)]
            assert digest(told[0]) == digest(told[1])

    @torch.no_grad()
    def test_an_example_is_nearer_than_clean_pictures(
        self, aim: Objective, clean: Tensor, items: Tensor
    ) -> None:
        try:
            shown = aim.example(items)
        except IncompatibleError:
            pytest.skip("knows of none")
        assert shown.shape == clean.shape
        assert aim.judge(shown, items).margin.mean() < aim.judge(clean, items).margin.mean()

    def test_without_draws_it_is_its_own_twin(self, aim: Objective) -> None:
        assert aim.redrawn(1) is aim

    def test_whom_it_is_to_reach(self, aim: Objective, items: Tensor) -> None:
        chosen = aim.aimed_at(items)
        if chosen is None:
            pytest.skip("nobody in particular")
        assert chosen.shape == (toy_world().train.num_users, 6)
        assert chosen.dtype == torch.bool


def near(a: Verdict, b: Verdict) -> None:
    """Raise unless two verdicts are equal but for rounding."""
    torch.testing.assert_close(a.loss, b.loss, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(a.margin, b.margin, rtol=1e-4, atol=1e-4)
