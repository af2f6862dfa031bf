"""What goes wrong while a choice is made comes out as one line."""

import pytest
from omegaconf import OmegaConf

from vrbench.cli.instantiation import make
from vrbench.core.errors import DataError

LONG = "a" * 2000


@pytest.mark.parametrize(
    "target",
    ["vrbench.attacks.imported.Imported", "vrbench.data.sources.var.var"],
)
def test_a_path_of_thousands_of_letters_is_one_short_line(target):
    node = OmegaConf.create({"_target_": target, "path": LONG})
    with pytest.raises(DataError, match=r"^cannot read aa.*\.\.\..*: File name too long$"):
        make(node)
