"""Full ranking and its measures: seconds and peak memory, beside implicit, cornac and ranx.

    python scripts/benchmarks/ranking.py --peers FOLDER [--users 24379 --items 7371 --repeat 3]
    python scripts/benchmarks/ranking.py --users 10000 --items 1000000 --repeat 1

FOLDER is what ``pip install --target FOLDER implicit cornac ranx`` made. Everyone gets the same
random factors, the same training pairs to leave out and the same test pairs, and as many threads;
everyone runs in a process of its own, one after the other, and the fastest of the repetitions
counts; on a machine that is not idle compare processor time at ``--threads 1``. "bare" is the
product of the factors, the mask and the top k alone, in torch. vrbench measures every accuracy
metric it has; implicit its four, cornac precision and recall, ranx these and nDCG. Where two codes
mean the same by a number they must agree on it, or the script stops.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np

PEERS = ("implicit", "cornac", "ranx")


def main() -> None:
    """Print one line per code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=24_379)
    parser.add_argument("--items", type=int, default=7_371)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--k", type=int, default=50)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peers", help="a folder that pip installed the peers into")
    parser.add_argument("--only", help="run one of them in this process")
    chosen = parser.parse_args()
    if chosen.only:
        sys.stdout.write(json.dumps(measured(chosen)))
        return
    found = {}
    for name in ("bare", "vrbench", *(PEERS if chosen.peers else ())):
        path = [chosen.peers] if name in PEERS else [os.getcwd()]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(path),
            **{f"{lib}_NUM_THREADS": str(chosen.threads) for lib in ("OMP", "NUMBA", "MKL")},
            # implicit threads itself and asks for a BLAS that does not
            "OPENBLAS_NUM_THREADS": "1" if name == "implicit" else str(chosen.threads),
        }
        command = [sys.executable, __file__, *sys.argv[1:], "--only", name]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            sys.stdout.write(f"{name:10} failed: {done.stderr.strip().splitlines()[-1:]}\n")
            continue
        found[name] = json.loads(done.stdout.splitlines()[-1])
        say(name, found, chosen.k)
    check(found)


def say(name, found, k) -> None:
    """Print seconds, memory, the ratio to the bare ranking, and the metrics of one code."""
    one, bare = found[name], found["bare"]
    values = "  ".join(f"{m}@{k} {v:.6f}" for m, v in one["metrics"].items())
    sys.stdout.write(
        f"{name:10} {one['seconds']:8.2f} s ({one['seconds'] / bare['seconds']:.2f} x bare)  "
        f"{one['busy']:8.2f} s of processors ({one['busy'] / bare['busy']:.2f} x bare)  "
        f"peak {one['peak']:6.0f} MiB  {values}\n"
    )
    sys.stdout.flush()


def check(found) -> None:
    """Raise unless everyone found the same numbers."""
    ours = found["vrbench"]["metrics"]
    for name, one in found.items():
        for metric, value in one["metrics"].items():
            assert abs(value - ours[metric]) < 2e-5, f"{name} has another {metric}: {value}"


def measured(chosen) -> dict:
    """Return seconds (the best), peak MiB of the process, and metrics of one code."""
    run = globals()[f"run_{chosen.only}"]
    seconds, metrics = run(chosen, *world(chosen))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wall, busy = (min(s) for s in zip(*seconds, strict=True))
    return {"seconds": wall, "busy": busy, "peak": peak, "metrics": metrics}


def world(chosen):
    """Return factors of users and items, training pairs (89,020 at most), test pairs (1 to 3)."""
    rng = np.random.default_rng(0)
    shape = (chosen.users, chosen.factors), (chosen.items, chosen.factors)
    user, item = (rng.standard_normal(s, dtype=np.float32) for s in shape)
    size = chosen.users * chosen.items
    users = np.repeat(np.arange(chosen.users), rng.integers(1, 4, chosen.users))
    test = np.unique(users * chosen.items + rng.integers(0, chosen.items, len(users)))
    train = np.setdiff1d(np.unique(rng.integers(0, size, 89_020)), test)
    pairs = [np.divmod(part, chosen.items) for part in (train, test)]
    # The ranking should find something: users resemble what they have in the test.
    np.add.at(user, pairs[1][0], item[pairs[1][1]] * 0.5)
    return user, item, *pairs


def timed(chosen, run):
    """Return seconds, by the clock and of processors, of each repetition, and the last result."""
    seconds = []
    for _ in range(chosen.repeat):
        began, busy = time.perf_counter(), time.process_time()
        result = run()
        seconds.append((time.perf_counter() - began, time.process_time() - busy))
    return seconds, result


def run_bare(chosen, user, item, train, test):
    """Product, mask and top k, in blocks of users."""
    import torch

    torch.set_num_threads(chosen.threads)
    return timed(chosen, bare_of(chosen, user, item, train, test))


def bare_of(chosen, user, item, train, test, device="cpu"):
    """Return a function that ranks barely."""
    import torch

    user, item, row, column = (torch.from_numpy(t).to(device) for t in (user, item, *train))
    block = max(1, min(512, 2**25 // chosen.items))
    bounds = torch.arange(0, chosen.users + block, block)
    at = torch.searchsorted(row.cpu(), bounds).tolist()

    def run():
        for n, first in enumerate(bounds[:-1].tolist()):
            score = user[first : first + block] @ item.T
            mine = slice(at[n], at[n + 1])
            score[row[mine] - first, column[mine]] = -torch.inf
            score.topk(chosen.k, dim=1)
        return {}

    return run


def run_vrbench(chosen, user, item, train, test):
    """Lists, ranks, and every accuracy metric of vrbench."""
    import torch

    torch.set_num_threads(chosen.threads)
    return timed(chosen, vrbench_of(chosen, user, item, train, test))


def vrbench_of(chosen, user, item, train, test, device="cpu"):
    """Return a function that ranks as vrbench does, and measures."""
    import torch

    from vrbench.bench.views import view_of
    from vrbench.data.dataset import Dataset
    from vrbench.data.images import NoImages
    from vrbench.data.interactions import Interactions
    from vrbench.data.sources.interactions_only import unpictured
    from vrbench.metrics import accuracy, ranking
    from vrbench.metrics.base import Cutoff, Metric
    from vrbench.metrics.view import Counted
    from vrbench.recommenders.base import Sizes
    from vrbench.recommenders.collaborative.bpr import BPRMF
    from vrbench.recommenders.ranking import rank

    model = BPRMF(Sizes(chosen.users, chosen.items, ()), factors=chosen.factors)
    with torch.no_grad():
        model.user.weight.copy_(torch.from_numpy(user))
        model.item.weight.copy_(torch.from_numpy(item))
        model.bias.weight.zero_()
    model.to(device)
    train, test = (
        Interactions.of(*map(torch.from_numpy, pairs), chosen.users, chosen.items)
        for pairs in (train, test)
    )
    none = torch.empty(0, dtype=torch.int64)
    empty = Interactions.of(none, none, chosen.users, chosen.items)
    data = Dataset(unpictured(chosen.items), train, empty, test)
    kinds = {
        kind
        for module in (accuracy, ranking)
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, Metric)
        and kind.__module__.startswith(module.__name__)
    }
    metrics = [m(k=chosen.k) if issubclass(m, Cutoff) else m() for m in kinds]
    labels = torch.zeros(chosen.items, dtype=torch.int64)

    def run():
        ranked = rank(model, NoImages(chosen.items), data.seen, test, none, chosen.k)
        view = view_of(ranked, none, Counted(labels=labels, source=0, target=0))
        values = {m.name: m.measure(view, data) for m in metrics}
        wanted = {"nDCG": "nDCG", "recall": "Recall", "precision": "Precision"}
        return {key: float(values[name].nanmean()) for key, name in wanted.items()}

    return run


def run_implicit(chosen, user, item, train, test):
    """What implicit has, ``ranking_metrics_at_k``: precision (its own kind), MAP, nDCG, AUC@k."""
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.evaluation import ranking_metrics_at_k
    from scipy.sparse import csr_matrix

    shape = (chosen.users, chosen.items)
    train, test = (csr_matrix((np.ones(len(p[0]), np.float32), p), shape) for p in (train, test))
    model = AlternatingLeastSquares(factors=chosen.factors, num_threads=chosen.threads)
    model.user_factors, model.item_factors = user, item

    def run():
        found = ranking_metrics_at_k(
            model, train, test, K=chosen.k, show_progress=False, num_threads=chosen.threads
        )
        return {"nDCG": found["ndcg"]}

    return timed(chosen, run)


def run_cornac(chosen, user, item, train, test):
    """What cornac has, ``ranking_eval`` with precision and recall."""
    from cornac.data import Dataset
    from cornac.eval_methods.base_method import ranking_eval
    from cornac.metrics import Precision, Recall
    from cornac.models import MF

    # All ids are known in order, so that its numbers are ours.
    known_users = {n: n for n in range(chosen.users)}
    known_items = {n: n for n in range(chosen.items)}

    def made(pairs):
        rows = [(u, i, 1.0) for u, i in zip(*(p.tolist() for p in pairs), strict=True)]
        return Dataset.build(rows, global_uid_map=known_users, global_iid_map=known_items)

    train, test = made(train), made(test)
    model = MF(k=chosen.factors, use_bias=False, verbose=False, trainable=False)
    model.fit(train)
    model.num_users, model.num_items = chosen.users, chosen.items
    model.u_factors, model.i_factors = user, item
    model.u_biases = np.zeros(chosen.users, np.float32)
    model.i_biases, model.global_mean = np.zeros(chosen.items, np.float32), 0.0
    metrics = [Precision(k=chosen.k), Recall(k=chosen.k)]

    def run():
        means, _ = ranking_eval(model, metrics, train, test, verbose=False)
        return {"precision": means[0], "recall": means[1]}

    return timed(chosen, run)


def run_ranx(chosen, user, item, train, test):
    """NumPy for the lists, ranx for the measures of them."""
    from ranx import Qrels, Run, evaluate

    names = [str(n) for n in range(max(chosen.users, chosen.items))]
    wanted = {}
    for u, i in zip(*(p.tolist() for p in test), strict=True):
        wanted.setdefault(names[u], {})[names[i]] = 1
    qrels = Qrels(wanted)
    asked = [f"{name}@{chosen.k}" for name in ("ndcg", "recall", "precision")]
    evaluate(Qrels({"a": {"b": 1}}), Run({"a": {"b": 1.0}}), asked)  # compiles: not timed
    block = max(1, min(512, 2**25 // chosen.items))

    def run():
        lists = {}
        for first in range(0, chosen.users, block):
            score = user[first : first + block] @ item.T
            mine = slice(*np.searchsorted(train[0], (first, first + block)))
            score[train[0][mine] - first, train[1][mine]] = -np.inf
            top = np.argpartition(score, -chosen.k, axis=1)[:, -chosen.k :]
            value = np.take_along_axis(score, top, 1)
            for n, (row, own) in enumerate(zip(top.tolist(), value.tolist(), strict=True)):
                if names[first + n] in wanted:
                    lists[names[first + n]] = dict(zip([names[i] for i in row], own, strict=True))
        found = evaluate(qrels, Run(lists), asked)
        return {
            key: float(found[name])
            for key, name in zip(("nDCG", "recall", "precision"), asked, strict=True)
        }

    return timed(chosen, run)


if __name__ == "__main__":
    main()
