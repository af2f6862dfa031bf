"""What ``torch.save`` wrote is what torch itself reads; what is forged is refused."""

import io
import pickle
import zipfile

import numpy as np
import pytest
import torch

from vrbench.core import archives
from vrbench.core.errors import DataError
from vrbench.core.torch_files import read_saved

KINDS = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8")


def tensors():
    base = torch.arange(24.0).reshape(2, 3, 4)
    held = {kind: (base % 7).to(getattr(torch, kind)) for kind in KINDS}
    held |= {"bool": base > 5, "turned": base.permute(2, 0, 1), "part": base[1, 1:, ::2]}
    held |= {
        "scalar": torch.tensor(3),
        "empty": torch.empty(0, 5),
        "weight": torch.nn.Parameter(base),
    }
    return held | {"shared": held["turned"][1:], "half of nothing": torch.empty(4)[4:]}


@pytest.mark.parametrize("zipped", [True, False])
def test_every_type_shape_and_view_is_torchs(tmp_path, zipped):
    held = tensors()
    path = tmp_path / "a.pth"
    torch.save({"model": held, "n": 3}, path, _use_new_zipfile_serialization=zipped)
    wanted = torch.load(path, weights_only=True)["model"]
    read = read_saved(path)
    assert read["n"] == 3
    assert read["model"].keys() == held.keys()
    for name, tensor in read["model"].items():
        assert tensor.dtype == wanted[name].dtype, name
        assert torch.equal(tensor, wanted[name]), name
    shared, turned = read["model"]["shared"], read["model"]["turned"]
    assert shared.untyped_storage().data_ptr() == turned.untyped_storage().data_ptr()


@pytest.mark.parametrize("dtype", [torch.uint16, torch.float8_e5m2])
def test_numbers_that_torch_writes_without_a_storage_of_their_own(tmp_path, dtype):
    try:
        torch.save(torch.arange(3).to(dtype), tmp_path / "a.pth")
    except KeyError:
        pytest.skip("this torch does not write them")
    assert read_saved(tmp_path / "a.pth").to(torch.float32).tolist() == [0, 1, 2]


def test_other_objects_of_torch_and_numpy_become_stand_ins(tmp_path):
    held = {"w": torch.ones(2), "d": torch.device("cpu"), "t": torch.float16, "a": np.ones(3)}
    held |= {"size": torch.Size([2, 3]), "rng": torch.get_rng_state()}
    torch.save(held, tmp_path / "a.pth")
    read = read_saved(tmp_path / "a.pth")
    assert read["size"] == (2, 3)
    assert torch.equal(read["rng"], held["rng"])
    assert read["w"].tolist() == [1, 1]


def forged(path, *, size=(2,), stride=(1,), offset=0, count=2, data=bytes(8), packed=0):
    """Write a checkpoint whose only tensor is described like that."""

    class Storage:
        pass

    class Tensor:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (Storage(), offset, size, stride, False, {})

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            told = ("storage", torch.FloatStorage, "0", "cpu", count)
            return told if isinstance(value, Storage) else None

    held = io.BytesIO()
    Pickler(held, 2).dump({"w": Tensor()})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if packed else 0) as made:
        made.writestr("a/data.pkl", held.getvalue())
        made.writestr("a/data/0", data)
    return path


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"size": (3,)}, "larger than what it holds"),
        ({"size": (10**9, 10**9), "stride": (0, 0)}, "larger than what it holds"),
        ({"size": (2,), "stride": (2,)}, "lies outside"),
        ({"offset": 1}, "lies outside"),
        ({"offset": -1}, "larger than what it holds"),
        ({"offset": 2**62}, "lies outside"),
        ({"stride": (-1,)}, "no shape"),
        ({"size": (-1,)}, "no shape"),
        ({"size": (2**63, 2**63), "stride": (0, 0)}, "larger than what it holds"),
        ({"size": (1,) * 65, "stride": (1,) * 65}, "no shape"),
        ({"size": "ab"}, "no shape"),
        ({"size": (2, 1)}, "cannot read"),
        ({"count": -1}, "no shape"),
        ({"data": b"123"}, "larger than what it holds"),
    ],
)
def test_a_tensor_that_is_not_in_the_file_is_refused(tmp_path, told, says):
    assert read_saved(forged(tmp_path / "good.pth"))["w"].tolist() == [0, 0]
    with pytest.raises(DataError, match=says):
        read_saved(forged(tmp_path / "bad.pth", **told))


def test_a_zip_bomb_is_refused_by_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "SMALL", 10**6)
    path = forged(tmp_path / "bomb.pth", data=bytes(4 * 10**6), packed=True)
    assert path.stat().st_size < 10**4
    with pytest.raises(DataError, match="would unpack to 4,000,"):
        read_saved(path)


def test_another_byte_order_and_no_checkpoint_are_named(tmp_path):
    path = forged(tmp_path / "a.pth")
    with zipfile.ZipFile(path, "a") as made:
        made.writestr("a/byteorder", b"big")
    with pytest.raises(DataError, match="another byte order"):
        read_saved(path)
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("a/other", b"")
    with pytest.raises(DataError, match=r"no data\.pkl"):
        read_saved(path)
    path.write_bytes(pickle.dumps({"w": 1}))
    with pytest.raises(DataError, match="no checkpoint of torch"):
        read_saved(path)
