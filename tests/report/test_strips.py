import numpy as np
import torch
from PIL import Image

from vrbench.report.plots.image_grid import strips


def test_every_picture_is_on_the_page(tmp_path):
    """In its order, in its colour, beside and below the others."""
    colours = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    pictures = colours[:, :, None, None].expand(-1, -1, 8, 8)
    strips(
        [
            ("first", [("two", pictures[:2], ["+1.0", "-1.0"]), ("one", pictures[2:], ())]),
            ("second", [("", pictures, ())]),
        ],
        tmp_path / "page.png",
        cell=32,
    )
    page = np.asarray(Image.open(tmp_path / "page.png").convert("RGB")).astype(int)
    for colour in colours.mul(255).int().tolist():
        y = np.nonzero((np.abs(page - colour) < 8).all(2))[0]
        assert 2 * 32 * 32 * 0.95 <= len(y) <= 2 * 32 * 32 * 1.05
        assert len(set(y)) == 64
    left = [np.nonzero((np.abs(page - c) < 8).all(2))[1].min() for c in (255 * colours).tolist()]
    assert left == sorted(left)
