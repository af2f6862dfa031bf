"""Archives and arrays that lie about their size, their names, or what they hold."""

import io
import stat
import struct
import zipfile

import numpy as np
import pytest

from vrbench.core import archives
from vrbench.core.archives import ForgedError, allowed, member_of, opened_zip, reading
from vrbench.core.arrays import array_of, dtype_of, read_npy, read_npz
from vrbench.core.errors import ConfigError, DataError


def link(name):
    made = zipfile.ZipInfo(name)
    made.external_attr = (stat.S_IFLNK | 0o777) << 16
    return made


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "..\\x", "C:\\x", "\\\\host\\x"])
def test_names_that_lead_out_are_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr(name, "x")
    with pytest.raises(DataError, match="leads out"), opened_zip(tmp_path / "a.zip"):
        pass


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_links_doubles_and_other_packings_are_refused(tmp_path):
    kinds = {
        "neither a file nor a folder": lambda z: z.writestr(link("a"), "/etc/passwd"),
        "stands twice": lambda z: (z.writestr("a", "1"), z.writestr("a", "2")),
        "packed in a way": lambda z: z.writestr("a", "1", zipfile.ZIP_LZMA),
    }
    for says, write in kinds.items():
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
            write(made)
        with pytest.raises(DataError, match=says), opened_zip(tmp_path / "a.zip"):
            pass


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("zeros", bytes(3_000_000))
    monkeypatch.setattr(archives, "SMALL", 1_000_000)
    with (
        pytest.raises(DataError, match="would unpack to 3,000,000"),
        opened_zip(tmp_path / "a.zip"),
    ):
        pass
    assert allowed(10**9) == 20 * 10**9, "of a large archive, so many times its size"


def test_a_member_is_never_longer_than_it_says(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("zeros", bytes(50_000_000))
    held = (tmp_path / "a.zip").read_bytes()
    lied = held.replace(struct.pack("<I", 50_000_000), struct.pack("<I", 10))
    (tmp_path / "b.zip").write_bytes(lied)
    with pytest.raises(DataError, match="is damaged"), opened_zip(tmp_path / "b.zip") as archive:
        member_of(archive, "zeros")


def test_every_error_becomes_one_line_that_names_the_file(tmp_path):
    path = tmp_path / "b"
    path.touch()
    for error in (MemoryError(), RecursionError("deep\nand more"), KeyError("x"), OverflowError()):
        with pytest.raises(DataError, match=r"cannot read .*b: ") as told, reading(path):
            raise error
        assert "\n" not in str(told.value)
    with pytest.raises(DataError, match="b is refused: it lies"), reading(path):
        raise ForgedError("it lies")
    with pytest.raises(ConfigError, match="as it is"), reading(path):
        raise ConfigError("as it is")


KINDS = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "S3", "U4")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ["<", ">"])
def test_arrays_of_plain_values_are_numpys(tmp_path, kind, order):
    raw = np.arange(24).reshape(2, 3, 4) % 2
    for array in (raw.astype(order + kind), np.asfortranarray(raw).astype(order + kind), raw[0, 0]):
        np.savez(tmp_path / "a.npz", x=array, none=array[:0])
        read = read_npz(tmp_path / "a.npz")
        assert np.array_equal(read["x"], array)
        assert read["x"].dtype == array.dtype
        assert read["none"].shape == array[:0].shape


def npy(header, data=b""):
    text = header.encode() + b"\n"
    return io.BytesIO(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data)


def head(descr="'<f4'", shape="(2,)", order="False"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}"


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (head(shape="(10**12,)"), "cannot read"),
        (head(shape="(1000000000000,)"), "needs 4000000000000 bytes, it has 8"),
        (head(shape="(-2,)"), "no shape"),
        (head(shape="(True, 2)"), "no shape"),
        (head(shape="(" + "1," * 40 + ")"), "no shape"),
        (head(shape="(4611686018427387904, 4611686018427387904)"), "needs"),
        (head(shape="(3,)"), "needs 12 bytes, it has 8"),
        (head("'|O'"), "values of type object"),
        (head("[('a', '<f4')]"), "values of type"),
        (head("('<f4', (2,))"), "values of type"),
        (head("'<M8[s]'"), "values of type"),
        (head("'<c8'"), "values of type"),
        (head("'|V4'"), "values of type"),
        (head("'<f4', " + "[" * 5000), "cannot read"),
        ("{" * 9000, "cannot read"),
    ],
)
def test_forged_headers_are_refused(tmp_path, header, says):
    path = tmp_path / "a.npy"
    path.write_bytes(npy(header, bytes(8)).getvalue())
    with pytest.raises(DataError, match=says), reading(path), path.open("rb") as file:
        read_npy(file)


def test_the_bytes_of_an_array_are_what_its_type_can_be():
    assert array_of(b"\x00\x01\x07", dtype_of("b1", "|"), (3,)).view(np.uint8).tolist() == [0, 1, 1]
    with pytest.raises(ValueError, match="no letters"):
        array_of(struct.pack("<I", 0x110000), dtype_of("U1"), (1,))
    for kind in ("O", "V8", "M8", "f16", "S0", "U9999999", "i4,i4", "(3,)i4", "c8"):
        with pytest.raises(ValueError, match="not read"):
            dtype_of(kind)


def test_a_damaged_archive_is_one_short_line_whatever_its_reader_says(tmp_path):
    path = tmp_path / "a.zip"
    path.touch()
    with pytest.raises(DataError, match=r"a\.zip is damaged") as error, reading(path):
        raise zipfile.BadZipFile("x" * 900 + "\nmore")
    assert len(str(error.value)) < 300 + len(str(path))
    assert "\n" not in str(error.value)
