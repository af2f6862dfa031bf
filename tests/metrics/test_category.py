import math

import pytest
import torch

from vrbench.core.seeds import stream
from vrbench.metrics.category import CHR, NCDCG, AttackedHR, CHRShare
from vrbench.testing.views import changed, dataset, view

DATA = dataset([(0, 0)], 6, 2)
LABELS = [0, 1, 0, 2, 0, 1]
HAND = view([[2, 1, 4, 3], [1, 5, 3, 0]], LABELS, items=(4,))


def test_chr_is_the_number_of_source_items_as_published():
    assert CHR(k=3).measure(HAND, DATA).tolist() == [2, 0]
    assert CHR(k=4).measure(HAND, DATA).tolist() == [2, 1]
    assert CHRShare(k=4).measure(HAND, DATA).tolist() == [0.5, 0.25]


def test_ncdcg_of_a_hand_list():
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert NCDCG(k=4).measure(HAND, DATA).tolist() == pytest.approx(
        [(1 + 1 / 2) / ideal, (1 / math.log2(5)) / ideal]
    )
    assert NCDCG(k=2).measure(HAND, DATA)[0].item() == pytest.approx(1 / (1 + 1 / math.log2(3)))


def test_attacked_items_are_counted_apart():
    assert AttackedHR(k=3).measure(HAND, DATA).tolist() == [1, 0]


def test_empty_places_never_count():
    short = changed(HAND, lists={"ranking": torch.tensor([[2, -1, -1, -1], [1, -1, -1, -1]])})
    assert CHR(k=4).measure(short, DATA).tolist() == [1, 0]
    assert AttackedHR(k=4).measure(short, DATA).tolist() == [0, 0]


def test_names_of_items_do_not_matter():
    rename = torch.randperm(6, generator=stream(0))
    labels = torch.empty(6, dtype=torch.int64)
    labels[rename] = torch.tensor(LABELS)
    renamed = changed(
        HAND,
        lists={"ranking": rename[HAND.lists.ranking]},
        counted={"labels": labels},
        attacked={"items": rename[HAND.attacked.items]},
    )
    for metric in (CHR(k=3), NCDCG(k=3), AttackedHR(k=3)):
        assert torch.equal(metric.measure(HAND, DATA), metric.measure(renamed, DATA))


def test_evenly_spread_hits_make_the_share_and_ncdcg_equal():
    rng = stream(1)
    ranking = torch.rand(4000, 100, generator=rng).argsort(1)
    seen = view(ranking, [n % 4 for n in range(100)])
    data = dataset([(0, 0)], 100, 4000)
    share = CHRShare(k=20).measure(seen, data).mean().item()
    assert share == pytest.approx(0.25, abs=0.01)
    assert NCDCG(k=20).measure(seen, data).mean().item() == pytest.approx(share, abs=0.01)
