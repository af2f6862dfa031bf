"""Folds of one file share a spec, and nothing else does."""

import pytest

from vrbench.core.errors import ConfigError
from vrbench.core.spec import digest
from vrbench.data.filters import UserCore
from vrbench.data.sources.ratings_files import prepared, ratings
from vrbench.data.sources.sampled import sampled
from vrbench.data.splits.assignment import hold_out
from vrbench.data.splits.strategies.base import Split
from vrbench.data.splits.strategies.k_fold import KFold
from vrbench.data.splits.strategies.per_user import RandomHoldOut, TemporalHoldOut
from vrbench.testing.world import toy_folder

NESTED = Split(test=KFold(folds=3), valid=KFold(folds=2))


@pytest.fixture
def file(tmp_path):
    lines = [f"u{n % 8}\ti{(n // 8 + n) % 11}\t{1 + n % 5}\t{n}" for n in range(88)]
    path = tmp_path / "all.tsv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_all_folds_share_one_spec_and_have_keys_of_their_own(file):
    made = [ratings(path=file, split=NESTED, fold=f, valid_fold=v) for f, v in PAIRS]
    assert len({digest(shop) for shop in made}) == 6
    assert len({digest(shop.spec_of_folds) for shop in made}) == 1
    told = [(s.fold.number, s.fold.valid, s.fold.count, s.fold.valid_count) for s in made]
    assert told == [(f, v, 3, 2) for f, v in PAIRS]


PAIRS = [(fold, valid) for fold in range(3) for valid in range(2)]


def test_nested_folds_test_and_validate_every_rating_once(file):
    made = [ratings(path=file, split=NESTED, fold=f, valid_fold=v) for f, v in PAIRS]
    tested = [pair for shop in made[::2] for pair in pairs(shop.test)]
    assert sorted(tested) == sorted(set(tested))
    assert len(tested) == 88
    for one, other in zip(made[::2], made[1::2], strict=True):
        assert pairs(one.test) == pairs(other.test)
        assert not set(pairs(one.valid)) & set(pairs(other.valid))
        assert {*pairs(one.valid), *pairs(other.valid), *pairs(one.test)} == set(tested)


def pairs(part):
    return list(zip(part.users.tolist(), part.items.tolist(), strict=True))


@pytest.mark.parametrize(
    "changed",
    [
        {"split": Split(test=KFold(folds=4), valid=KFold(folds=2))},
        {"split": Split(test=KFold(folds=3, seed=1), valid=KFold(folds=2))},
        {"binarise": True},
        {"filters": {"core": UserCore(core=2)}},
    ],
)
def test_what_is_set_otherwise_is_no_fold_of_it(file, changed):
    one = ratings(path=file, split=NESTED)
    other = ratings(path=file, **{"split": NESTED} | changed)
    assert digest(one.spec_of_folds) != digest(other.spec_of_folds)


def test_what_is_made_of_folds_is_of_those_folds(file):
    for made in (lambda shop: hold_out(shop, share=0.3), lambda shop: hold_out(shop, share=0.2)):
        first, second = (made(ratings(path=file, split=NESTED, fold=n)) for n in (0, 1))
        assert digest(first) != digest(second)
        assert digest(first.spec_of_folds) == digest(second.spec_of_folds)
    shares = [hold_out(ratings(path=file, split=NESTED), share=s) for s in (0.2, 0.3)]
    assert len({digest(shop.spec_of_folds) for shop in shares}) == 2
    part = sampled(ratings(path=file, split=NESTED, fold=1), least_users=4, least_items=4)
    assert (part.fold.number, part.fold.count) == (1, 3)


def test_random_repeats_are_folds_and_one_split_is_none(file):
    repeats = Split(test=RandomHoldOut(folds=2))
    first, second = (ratings(path=file, split=repeats, fold=n) for n in (0, 1))
    assert pairs(first.test) != pairs(second.test)
    assert digest(first.spec_of_folds) == digest(second.spec_of_folds)
    once = ratings(path=file, split=Split(test=TemporalHoldOut()))
    assert once.fold is None
    assert once.spec_of_folds == once.spec
    with pytest.raises(ConfigError, match=r"fold in 0\.\.1, got 2"):
        ratings(path=file, split=repeats, fold=2)


def test_folders_of_folds_are_one_data_set_where_they_hold_the_same_rows(tmp_path):
    lines = [f"{user}\t{item}\t1\t1" for user in "ab" for item in "wxyz"]
    for fold, held in enumerate((0, 1)):
        folder = tmp_path / "same" / str(fold)
        folder.mkdir(parents=True)
        (folder / "test.tsv").write_text("\n".join(lines[held::4]))
        (folder / "train.tsv").write_text(
            "\n".join(line for n, line in enumerate(lines) if n % 4 != held)
        )
    first, second = (
        prepared(path=str(tmp_path / "same"), format="hierarchy", fold=n) for n in (0, 1)
    )
    assert digest(first) != digest(second)
    assert digest(first.spec_of_folds) == digest(second.spec_of_folds)
    assert (second.fold.number, second.fold.count) == (1, 2)
    train = tmp_path / "same" / "1" / "train.tsv"
    train.write_text(train.read_text() + "\na\tnew\t1\t1")
    other = prepared(path=str(tmp_path / "same"), format="hierarchy", fold=1)
    assert digest(other.spec_of_folds) != digest(first.spec_of_folds)
    assert prepared(path=toy_folder()).fold is None
