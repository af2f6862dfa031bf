"""Every shipped dataset does what every dataset must do."""

import numpy as np
import pytest
from PIL import Image

import vrbench.datasets
from tests.data.test_dvbpr import parts, save
from tests.data.test_mutations import ITEMS, LAYOUTS
from vrbench.data.sources.boutique import boutique
from vrbench.data.sources.colours import colours
from vrbench.data.sources.dial import dial
from vrbench.data.sources.dvbpr import dvbpr_npy
from vrbench.data.sources.evaluated import sampled_candidates
from vrbench.data.sources.folder import shoppers
from vrbench.data.sources.ratings_files import ratings
from vrbench.data.sources.sampled import sampled
from vrbench.data.sources.shop import shop
from vrbench.data.sources.shuffled import shuffled
from vrbench.data.sources.with_features import with_features
from vrbench.data.splits.assignment import hold_out, inject
from vrbench.testing.datasets import DatasetContract

UNPICTURED = ("amazon", "ratings", "recbole", "movielens", "benchmark", "mmrec", "elliot")


def drawn(size, count, folder):
    """Write so many pictures, and ``items.csv``."""
    lines = ["item_id,image,category"]
    for n in range(count):
        Image.new("RGB", (size, size), (6 * n % 256, 90, 200 - 3 * n)).save(folder / f"{n}.png")
        lines.append(f"{n},{n}.png,kind {n % 5}")
    (folder / "items.csv").write_text("\n".join(lines) + "\n")


def laid_out(name, folder):
    base = folder / "original" if name == "var" else folder
    (base / "images").mkdir(parents=True)
    for n, item in enumerate(ITEMS):
        Image.new("RGB", (4, 4), (50 * n, 90, 10)).save(base / "images" / f"{item}.png")
    files, read = LAYOUTS[name]
    for file, lines in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read(folder)


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
class TestLaidOutInFiles(DatasetContract):
    @pytest.fixture(autouse=True)
    def _layout(self, layout):
        self.layout, self.has_pictures = layout, layout not in UNPICTURED

    def make(self, folder):
        return laid_out(self.layout, folder)


MADE = {
    "colours": colours,
    "boutique": lambda: boutique(num_items=64, num_users=20, size=32),
    "dial": lambda: dial(colours(), num_users=40),
    "shuffled": lambda: shuffled(colours()),
    "hold_out": lambda: hold_out(colours(), share=0.25),
    "inject": lambda: inject(colours(), share=0.25),
    "sampled_candidates": lambda: sampled_candidates(colours(), negatives=5),
    "sampled": lambda: sampled(colours(), least_users=10, least_items=10),
}


@pytest.mark.parametrize("name", sorted(MADE))
class TestMadeWithoutFiles(DatasetContract):
    @pytest.fixture(autouse=True)
    def _name(self, name):
        self.name, self.has_pictures = name, name != "sampled"

    def make(self, folder):
        return MADE[self.name]()


class TestShoppers(DatasetContract):
    def make(self, folder):
        drawn(8, 60, folder)
        return shoppers(path=str(folder), size=16, num_users=20, mean_items=6.0)


class TestShop(DatasetContract):
    def make(self, folder):
        drawn(8, 6, folder)
        bought = [f"u{u},{(u + n) % 6},2024-05-0{n + 1}" for u in range(4) for n in range(3)]
        (folder / "purchases.csv").write_text("\n".join(["customer,product,date", *bought]))
        return shop(path=str(folder), size=16)


@pytest.mark.parametrize("name", ["ratings.dat", "ratings.csv"])
class TestMovieLens(DatasetContract):
    has_pictures = False

    @pytest.fixture(autouse=True)
    def _name(self, name):
        self.name = name

    def make(self, folder):
        rows = [(u, (u + n) % 7, 1 + n % 5, 10 * u + n) for u in range(5) for n in range(6)]
        by = "," if self.name.endswith("csv") else "::"
        first = ["userId,movieId,rating,timestamp"] * self.name.endswith("csv")
        lines = [*first, *(by.join(map(str, row)) for row in rows)]
        (folder / self.name).write_text("\n".join(lines))
        return ratings(path=str(folder), format="movielens")


class TestWithFeatures(DatasetContract):
    has_pictures = False

    def make(self, folder):
        bought = [(u, (u + n) % 6) for u in range(4) for n in range(3)]
        lines = [f"u{u}\ti{i}\t5\t{10 * u + n}" for n, (u, i) in enumerate(bought)]
        (folder / "log.tsv").write_text("\n".join(lines))
        names = [f"i{n}" for n in range(6)]
        np.savez(folder / "looks.npz", ids=names, features=np.eye(6, dtype=np.float32))
        feedback = ratings(path=str(folder / "log.tsv"))
        return with_features(feedback, path=str(folder / "looks.npz"))


class TestDVBPR(DatasetContract):
    def make(self, folder):
        save(folder / "a.npy", parts())
        return dvbpr_npy(path=str(folder / "a.npy"), size=16)


def test_each_dataset_is_here():
    tested = {*MADE, "shoppers", "shop", "dvbpr_npy", "amazon", "folder", "ratings", "movielens"}
    tested |= {
        "prepared",
        "var",
        "with_features",
        "with_text",
        "with_attributes",
        "relevant",
        "shuffled_times",
    }  # elsewhere
    apart = {"clothing", "Dataset"}  # a download that becomes a folder with shoppers
    assert set(dir(vrbench.datasets)) == tested | apart
