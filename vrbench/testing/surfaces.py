"""What every attack surface must do. Subclass, set ``given``, and inherit its tests."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import pytest

from vrbench.bench.result import Result
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.core.spec import digest
from vrbench.testing.world import parts
from vrbench.threats.threat import Threat


class SurfaceContract(ABC):
    """One attack on the toy world's shop, with a budget and without one."""

    key: ClassVar[str | None] = None  # the digest of the threat, where rows on a disk rely on it

    @abstractmethod
    def given(self, eps: float) -> dict[str, Any]:
        """Return the threat, the attack and the budget of this surface, at a radius."""

    def run(self, store: Store, eps: float = 0.0, **changes: Any) -> Result | None:
        """Return what such an attack measures."""
        return run(**parts(**self.given(eps)) | changes, store=store)

    def test_a_budget_of_zero_gives_the_clean_rows(self, tmp_path: Path) -> None:
        nobody = run(**parts(threat=Threat(timing="none")), store=Store(tmp_path))
        found = self.run(Store(tmp_path))
        assert found is not None
        assert nobody is not None
        for ours, clean in zip(found.rows, nobody.rows, strict=False):
            assert ours.metric == clean.metric
            assert ours.before == pytest.approx(clean.before)
            assert ours.after in (None, pytest.approx(clean.before))

    def test_a_dry_run_makes_nothing(self, tmp_path: Path) -> None:
        store = Store(tmp_path, dry=True)
        assert self.run(store, 1.0) is None
        assert not list(store.root.glob("*/*/spec.json"))

    def test_keys_are_stable(self) -> None:
        first, again = (digest(self.given(0.0)["threat"]) for _ in range(2))
        assert first == again == (self.key or first)

    def test_nothing_that_was_handed_over_is_changed(self, tmp_path: Path) -> None:
        given = parts(**self.given(1.0))
        before = {name: digest(part) for name, part in given.items() if hasattr(part, "spec")}
        run(**given, store=Store(tmp_path))
        assert {name: digest(given[name]) for name in before} == before
