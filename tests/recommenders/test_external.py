"""A recommender from outside: a function, a real HTTP server, files of recommendations."""

import shutil
from functools import partial

import numpy as np
import pytest
import torch

from vrbench.attacks import NES, PGD, SPSA, Noise, Square
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.bench.store_contents import kept
from vrbench.core.errors import ConfigError, DataError, IncompatibleError
from vrbench.objectives import Promote, PromoteTo, TargetClass
from vrbench.recommenders import External, ExternalLists
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.external.answers import Answers
from vrbench.recommenders.external.question import Question, worth
from vrbench.testing.service import likes_green
from vrbench.testing.world import BRISK_LOOKS, looks, parts, taught, toy_visuals, toy_world
from vrbench.threats.threat import Threat

pytestmark = pytest.mark.slow  # a minute and more together

SECRET = "s3cr3t-of-the-shop"
GREEN = "vrbench.testing.service:likes_green"


def asked(**settings):
    return partial(External, release="1", **settings)


def scores(model, items, visuals=None):
    shown = visuals or toy_visuals(model.signal)
    return model.score(torch.arange(3), model.encode(torch.as_tensor(items), shown))


def green_of(items):
    return toy_world().catalogue.images[torch.as_tensor(items)][:, 1].mean((1, 2))


def brighter(items, by=0.25):
    visuals = toy_visuals(External.signal)
    items = torch.as_tensor(items)
    pixels = visuals[items].clone()
    pixels[:, 1] = (pixels[:, 1] + by).clamp(0, 1)
    return visuals.overlay(items, pixels)


def test_a_function_is_asked_and_only_changed_pictures_are_sent(monkeypatch):
    told = []

    def answer(users, items, pictures):
        told.append((users, items, sorted(pictures)))
        return likes_green(users, items, pictures)

    monkeypatch.setattr("vrbench.testing.service.likes_green", answer)
    model = taught(asked(function=GREEN))
    assert torch.allclose(scores(model, [4, 2]), green_of([4, 2]).expand(3, 2), atol=1e-6)
    found = scores(model, [4, 2, 0], brighter([0, 2]))
    wanted = brighter([0, 2])[torch.tensor([4, 2, 0])][:, 1].mean((1, 2))
    assert torch.allclose(found, wanted.expand(3, 3), atol=1 / 255)
    users = ["0", "1", "2"]
    assert told == [
        (users, ["4", "2"], []),
        (users, ["4"], []),
        (users, ["2"], ["2"]),
        (users, ["0"], ["0"]),
    ]
    scores(model, range(36), brighter([0, 2]))
    assert told[-1] == (users, [str(n) for n in range(36)], ["0", "2"])


def test_the_same_is_not_asked_twice_and_a_limit_holds():
    model = taught(asked(function=GREEN, limit=2, recheck=False))
    for _ in range(3):
        scores(model, [4, 2])
    assert model.asked == 1
    scores(model, [1], brighter([1]))
    with pytest.raises(ConfigError, match=r"2 requests were sent.*raise recommender.limit"):
        scores(model, [1], brighter([1], by=0.1))
    assert torch.equal(scores(model, [1], brighter([1])), scores(model, [1], brighter([1])))


def test_ranks_and_lists_are_worth_normal_quantiles():
    question = Question(("ann", "bob"), ("a", "b", "c"), {})
    found = worth([[1, 2, 3], [3, 1, 9]], "ranks", question, 3, "who")
    quantile = torch.special.ndtri(torch.tensor([0.75, 0.5, 0.25])).numpy()
    assert np.allclose(found, [quantile, quantile[[2, 0, 2]]])
    listed = worth([["b", "z"], []], "lists", question, 4, "who")
    first, last = torch.special.ndtri(torch.tensor([0.8, 0.2])).tolist()
    assert np.allclose(listed, [[last, first, last], [last] * 3])


@pytest.mark.parametrize(
    ("answer", "gives", "told"),
    [
        ([[1, 2]], "scores", r"expected 2 rows of 2 scores, one row a user, got an array of shape"),
        ([[1, 2], [3]], "scores", "got rows of unequal length"),
        ("no", "scores", "expected 2 rows of 2 scores"),
        ([[1, 2], [float("nan"), 1]], "scores", "finite scores, got nan of user 'bob' for item"),
        ([[1, 2], [0, 1]], "ranks", "ranks from 1, got 0.0 of user 'bob' for item 'a'"),
        ([["a", "a"], []], "lists", "item 'a' stands twice in the list of 'ann'"),
        ([["a"]], "lists", "expected 2 lists of items, one a user"),
    ],
)
def test_answers_that_cannot_be_used_are_one_line(answer, gives, told):
    with pytest.raises(DataError, match=told):
        worth(answer, gives, Question(("ann", "bob"), ("a", "b"), {}), 5, "who")


def test_a_server_says_what_a_function_says(serve):
    service = serve()
    model, same = taught(asked(url=service.url)), taught(asked(function=GREEN))
    shown = brighter([0, 5])
    assert torch.allclose(scores(model, [0, 5, 7], shown), scores(same, [0, 5, 7], shown))
    assert [sorted(body["pictures"]) for body in service.bodies] == [[], ["0"], ["5"]]


@pytest.mark.parametrize("gives", ["ranks", "lists"])
def test_ranks_and_lists_order_as_scores_do(serve, gives):
    def answer(users, items, pictures):
        everything = [str(n) for n in range(36)]
        value = np.array(likes_green(users, everything, pictures)[0])
        order = np.argsort(-value, kind="stable")
        if gives == "lists":
            return [[everything[n] for n in order[:10]] for _ in users]
        rank = {everything[n]: place for place, n in enumerate(order, start=1)}
        return [[rank[item] for item in items] for _ in users]

    model = taught(asked(url=serve(answer, gives).url, gives=gives))
    found, light = scores(model, range(36))[0], green_of(range(36))
    assert set(found.topk(10).indices.tolist()) == set(
        np.argsort(-light.numpy(), kind="stable")[:10].tolist()
    )


def test_troubles_pass_by_themselves_where_they_can(serve, naps):
    service = serve(troubles=[503, 429, "cut", 500])
    model = taught(asked(url=service.url))
    assert torch.allclose(scores(model, [4])[0], green_of([4]), atol=1e-6)
    assert naps == [0.5, 7.0, 2.0, 4.0]
    assert (len(service.heard), model.asked, model.told()["requests"]) == (5, 1, 5)


def test_a_slow_service_is_asked_again(serve, naps):
    service = serve(troubles=[1.5])
    model = taught(asked(url=service.url, timeout=0.2, retries=1))
    assert torch.allclose(scores(model, [4])[0], green_of([4]), atol=1e-6)
    assert naps == [0.5]


@pytest.mark.parametrize(
    ("troubles", "told"),
    [
        ([503] * 3, r"no answer after 3 tries \(503 Service Unavailable\): the answers so far"),
        ([401], r"401 Unauthorized: set recommender\.token to the name of the environment"),
        ([302], "302 Found: it sends on elsewhere, where nothing is sent; name that address"),
        ([404], "404 Not Found: what is sent stands on"),
    ],
)
def test_other_troubles_are_one_line(serve, naps, troubles, told):
    model = taught(asked(url=serve(troubles=troubles).url, retries=2))
    with pytest.raises(DataError, match=told) as error:
        scores(model, [4])
    assert "\n" not in str(error.value)


def test_nobody_there_is_one_line(naps):
    model = taught(asked(url="http://127.0.0.1:9/rank", retries=1))
    with pytest.raises(DataError, match=r"no answer after 2 tries \(ConnectionRefusedError"):
        scores(model, [4])


def test_no_more_requests_a_second_than_agreed(serve, naps):
    model = taught(asked(url=serve().url, per_second=4))
    for item in range(5):
        scores(model, [item])
    assert naps == [0.25] * 4


def test_an_answer_of_another_kind_or_release_is_refused(serve):
    service = serve(gives="ranks")
    with pytest.raises(DataError, match=r"has no 'scores'; it has ranks: set recommender.gives"):
        scores(taught(asked(url=service.url)), [4])
    service.gives, service.extra = "scores", {"release": "2"}
    with pytest.raises(DataError, match=r"it is release '2', and recommender.release is '1'"):
        scores(taught(asked(url=service.url)), [4])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "set recommender.function=module:function, or recommender.url"),
        ({"function": GREEN, "url": "http://x"}, "set recommender.function=module:function, or"),
        ({"function": GREEN, "release": None}, "set recommender.release to a name"),
        ({"function": GREEN, "limit": 0}, "limit and users_at_once of 1 or more"),
        ({"function": GREEN, "per_second": 0}, "timeout and per_second above 0"),
        ({"function": GREEN, "gives": "stars"}, "expected scores, ranks or lists, got 'stars'"),
        ({"function": "os:system"}, "os is Python's own"),
        ({"function": "likes_green"}, "expected module:function, got 'likes_green'"),
        ({"function": "vrbench.nowhere:f"}, "cannot find vrbench.nowhere:f"),
        ({"function": "vrbench.core.spec:Any.x"}, "expected module:function"),
        ({"url": "ftp://shop/rank"}, "expected http://HOST/PATH or https"),
        ({"url": f"https://me:{SECRET}@shop/rank"}, "without user, password and query"),
        ({"url": f"https://shop/rank?key={SECRET}"}, "without user, password and query"),
        ({"url": "http://shop.example/rank", "token": "PATH"}, "credential in the clear: use http"),
        ({"url": "https://shop/rank", "token": f"{SECRET}!"}, "name of an environment variable"),
        ({"url": "https://shop/rank", "token": "VRBENCH_NOT_SET"}, "VRBENCH_NOT_SET is not set"),
    ],
)
def test_wrong_settings_are_one_line(settings, told):
    with pytest.raises(ConfigError, match=told) as error:
        scores(taught(partial(External, **{"release": "1"} | settings)), [4])
    assert SECRET not in str(error.value)


def whole(**changes):
    """Return an attack on a shop that likes green, by who sees scores."""
    given = {"recommender": asked(function=GREEN), "attack": Square(queries=60)}
    return parts(**given | changes)


def test_black_boxes_gain_what_a_gradient_would(tmp_path):
    """The optimum is known: eps more green wherever there is room, for every user alike."""
    clean, far = toy_world().catalogue.images, partial(Promote, k=1)  # nobody may stop early
    for attack in (
        Square(queries=60),
        SPSA(queries=60, directions=4),
        NES(queries=60, directions=4),
    ):
        found = run(**whole(attack=attack, objective=far), store=Store(tmp_path / attack.name))
        items = found.case.items
        before = clean[items][:, 1].mean((1, 2))
        best = (clean[items][:, 1] + 32 / 255).clamp(max=1).mean((1, 2)) - before
        gained = found.crafted.attacked[:, 1].mean((1, 2)) - before
        least = 0.4 if attack.name == "Square" else 0.01  # in so few questions
        assert (gained / best).mean() > least, attack.name
        assert found.crafted.queries.max() <= 60
    noise = run(**whole(attack=Noise()), store=Store(tmp_path / "noise"))
    assert abs((noise.crafted.attacked[:, 1].mean((1, 2)) - before).mean()) < 0.01 * best.mean()


def test_a_user_s_list_is_enough_for_promotion_to_them(tmp_path):
    aim = partial(PromoteTo, audience="user", feedback="rank", k=5)
    found = run(**whole(objective=aim, attack=Square(queries=4)), store=Store(tmp_path))
    assert found.crafted.queries.min() > 0
    aim = partial(PromoteTo, audience="segment", owners=1)
    with pytest.raises(IncompatibleError, match="takes in no user it was not trained on"):
        run(**whole(objective=aim), store=Store(tmp_path))


def test_a_transfer_needs_no_question_but_to_be_measured(tmp_path):
    given = whole(attack=PGD(steps=2), objective=partial(TargetClass))
    found = run(**given, store=Store(tmp_path))
    assert {row.metric for row in found.rows} == {"CHR@5", "nDCG@5"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"attack": PGD(steps=2)}, "External answers questions and has no gradient"),
        ({"threat": Threat(timing="poisoning")}, "External is not trained here"),
        ({"control": True}, "External is not trained here"),
    ],
)
def test_what_it_cannot_be_asked_is_said_before_anything_is(tmp_path, changes, told):
    with pytest.raises(IncompatibleError, match=told):
        run(**whole(**changes), store=Store(tmp_path))
    assert not (tmp_path / "rankings").exists()


def test_answers_outlive_a_process_but_not_a_release(tmp_path, serve):
    service = serve()
    given = whole(recommender=asked(url=service.url), attack=Square(queries=20))
    first = run(**given, store=Store(tmp_path))
    count = len(service.heard)
    for stage in ("rankings", "attacks"):
        for folder in (tmp_path / stage).iterdir():
            if folder.is_dir():
                shutil.rmtree(folder)
    again = run(**given, store=Store(tmp_path))
    assert len(service.heard) == count + 1  # the first kept answer is asked for again
    assert [row.after for row in again.rows] == [row.after for row in first.rows]
    assert "answers" in {artifact.stage for artifact in kept(tmp_path)}
    service.answer = lambda users, items, pictures: [[0.5] * len(items)] * len(users)
    other = given | {"recommender": partial(External, url=service.url, release="2")}
    told = run(**other, store=Store(tmp_path))
    assert len(service.heard) > count + 2
    assert [row.before for row in told.rows] != [row.before for row in first.rows]
    for folder in (tmp_path / "rankings").iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
    with pytest.raises(DataError, match="answers otherwise than it did as release '1'"):
        run(**given, store=Store(tmp_path))


def test_an_interrupted_attack_goes_on_with_its_answers(tmp_path, serve):
    service = serve()
    few = whole(recommender=asked(url=service.url, limit=10), attack=Square(queries=20))
    with pytest.raises(ConfigError, match=r"raise recommender\.limit"):
        run(**few, store=Store(tmp_path))
    count = len(service.heard)
    many = whole(recommender=asked(url=service.url), attack=Square(queries=20))
    run(**many, store=Store(tmp_path))
    whole_count = len(service.heard)
    run(**many, store=Store(tmp_path / "other"))
    assert whole_count - count < len(service.heard) - whole_count


def test_a_credential_is_sent_and_written_nowhere(tmp_path, serve, monkeypatch, caplog):
    service = serve()
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    recommender = asked(url=service.url, token="SHOP_TOKEN")
    found = run(**whole(recommender=recommender, attack=Square(queries=5)), store=Store(tmp_path))
    assert {heard["Authorization"] for heard in service.heard} == {f"Bearer {SECRET}"}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert all(SECRET.encode() not in path.read_bytes() for path in files)
    assert SECRET not in caplog.text + repr(found)
    model = taught(recommender)
    scores(model, [1])
    assert SECRET not in repr(vars(model)) + repr(vars(model._door)) + repr(model.spec)
    service.troubles = [401]
    with pytest.raises(DataError, match="is the credential right that SHOP_TOKEN holds") as error:
        scores(model, [2])
    assert SECRET not in str(error.value)


def test_files_hold_lists_that_are_measured(tmp_path):
    """The lists of a trained model, written and read, are worth what the model's are."""
    from vrbench.recommenders import VBPR
    from vrbench.recommenders.ranking import rank
    from vrbench.testing.world import NONE

    world = toy_world()
    model = taught(VBPR, factors=4, visual_factors=4, **BRISK_LOOKS)
    shown = looks(world, parts()["extractor"], model.signal)
    best = rank(model, shown, world.seen, world.test, NONE, 10)
    path = tmp_path / "lists.tsv"
    path.write_text(
        "user\titem\tscore\n"
        + "".join(
            f"{user}\t{item}\t{score}\n"
            for user, row in enumerate(best.ranking.tolist())
            for item, score in zip(row, best.ranking_scores[user].tolist(), strict=True)
            if item >= 0
        )
    )
    lists = taught(ExternalLists, path=str(path))
    again = rank(lists, shown, world.seen, world.test, NONE, 10)
    assert torch.equal(again.ranking, best.ranking)
    none = Threat(timing="none")
    whole = parts(recommender=partial(ExternalLists, path=str(path)), threat=none)
    found = run(**whole, store=Store(tmp_path / "store"))
    assert {row.metric: row.before for row in found.rows}["nDCG@5"] > 0.5
    told = "answers no question about a changed picture: threat=none measures it"
    for attack in (Square(queries=5), PGD(steps=1)):
        with pytest.raises(IncompatibleError, match=told):
            run(**whole | {"attack": attack, "threat": Threat()}, store=Store(tmp_path / "store"))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_files_of_three_kinds_are_one(tmp_path, suffix):
    path = tmp_path / f"lists{suffix}"
    rows = [("ann", "cap", 0.5), ("ann", "sock", 2.0), ("bob", "cap", 1.0), ("eve", "cap", 1.0)]
    if suffix == ".parquet":
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        users, items, values = (list(column) for column in zip(*rows, strict=True))
        pq.write_table(pa.table({"user": users, "item": items, "score": values}), path)
    else:
        mark = "," if suffix == ".csv" else "\t"
        path.write_text(
            "\n".join(mark.join(map(str, r)) for r in [("user", "item", "score"), *rows])
        )
    model = ExternalLists(
        Sizes(2, 3, (), user_ids=("ann", "bob"), item_ids=("cap", "coat", "sock")), path=str(path)
    )
    found = model.score(torch.tensor([1, 0]), torch.arange(3))
    low = -torch.inf
    assert torch.equal(found, torch.tensor([[1.0, low, low], [0.5, low, 2.0]]))


def test_without_scores_rows_are_in_order(tmp_path):
    path = tmp_path / "lists.tsv"
    path.write_text("1\t2\n0\t2\n0\t1\n")
    model = ExternalLists(Sizes(2, 3, ()), path=str(path))
    assert model.score(torch.tensor([0]), torch.arange(3)).argsort(descending=True)[0, 0] == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0\t1\t0.5\n0\t1\t0.7\n", "line 2: item '1' is recommended to '0' twice, first in line 1"),
        ("0\t1\tgood\n", "line 1: score 'good' is not a number"),
        ("0\n", "expected two or three columns"),
        ("ann\tcap\t1\n", "no row is of a user and an item of this data set: its first is 'ann'"),
        ("0\t\t1\n", "line 1: no item"),
    ],
)
def test_files_that_cannot_be_used_are_one_line(tmp_path, text, told):
    path = tmp_path / "lists.tsv"
    path.write_text(text)
    with pytest.raises(DataError, match=told):
        ExternalLists(Sizes(2, 3, ()), path=str(path))


def test_no_file_is_one_line():
    with pytest.raises(ConfigError, match=r"set recommender\.path"):
        ExternalLists(Sizes(2, 3, ()))


def test_an_answer_is_kept_by_who_ends(tmp_path):
    """What came within the last second is written down when nobody needs it any more."""
    first = Answers({"name": "x"}, tmp_path)
    first.put("a", np.ones(2, np.float32))
    first.put("b", np.zeros(2, np.float32))
    del first
    again = Answers({"name": "x"}, tmp_path)
    assert again.get("b").tolist() == [0, 0]
    assert Answers({"name": "y"}, tmp_path).get("b") is None
