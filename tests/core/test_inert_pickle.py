"""What an honest pickle holds is read; what it asks for is never looked up."""

import collections
import pickle
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vrbench.core.archives import ForgedError
from vrbench.core.inert_pickle import read_pickled
from vrbench.core.pickle_tokens import StandIn, container

KEYS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8)
SCALARS = KEYS | st.floats(allow_nan=False) | st.binary(max_size=300)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.tuples(inner, inner)
        | st.sets(KEYS, max_size=3)
        | st.frozensets(KEYS, max_size=3)
    ),
    max_leaves=12,
)


def named(name):
    made = container(name)
    if made is None:
        raise ForgedError(f"it asks for {name}")
    return made


@settings(max_examples=60, deadline=None)
@given(VALUES, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_data_are_what_pickle_says(value, protocol):
    assert read_pickled(pickle.dumps(value, protocol), named) == value


def test_containers_of_the_library_and_shared_parts():
    many = collections.defaultdict(list, {3: [1, 2]})
    ordered = collections.OrderedDict([("a", many), ("b", many)])
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        read = read_pickled(pickle.dumps([ordered, collections.Counter("aab")], protocol), named)
        assert read == [{"a": {3: [1, 2]}, "b": {3: [1, 2]}}, {"a": 2, "b": 1}]
        assert read[0]["a"] is read[0]["b"]


def test_text_of_python_2_is_bytes_or_decoded():
    held = b"(dp0\nS'imgs'\np1\nS'\\xff\\xd8'\np2\ns."
    assert read_pickled(held, named) == {b"imgs": b"\xff\xd8"}
    assert read_pickled(b"S'conv1'\n.", named, strings="utf-8") == "conv1"


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (b"cos\nsystem\n(S'true'\ntR.", "asks for os.system"),
        (b"(S'true'\nios\nsystem\n.", "asks for os.system"),
        (b"(cbuiltins\neval\nS'1'\no.", "asks for builtins.eval"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "asks for os.system"),
        (b"\x82\x01.", "opcode b'\\\\x82'"),
        (b"\x97.", "opcode b'\\\\x97'"),
        (b"Pelsewhere\n.", "outside"),
        (b"K\x01)R.", "calls a int"),
        (b"ccollections\nOrderedDict\n(K\x01tR.", "a container of what is none"),
        (b"cbuiltins\nbytes\n.", None),
        (b"K\x01}b.", "sets a state of a int"),
        (b"X" + struct.pack("<I", 2**31) + b"a.", "longer by its own account"),
        (b"\x8e" + struct.pack("<Q", 2**60) + b"a.", "longer by its own account"),
        (b"\x8b" + struct.pack("<I", 2**31 - 1) + b"a.", "number of it is too long"),
        (b"I" + b"9" * 4000 + b"\n.", "number of it is too long"),
        (b"h\x07.", "has not noted"),
        (b"r\xff\xff\xff\xff.", "fills what is no container"),
        (b"}](K\x01K\x02us.", "fills what is no container"),
        (b"}]K\x01s.", "a key is a list"),
        (b"))\x85\x85}2K\x01s.", "a key is a dict"),
        (b"}(K\x01u.", "has no value"),
        (b"(", "an end in its middle"),
        (b".", "stack is empty"),
        (b"(.", "stack is empty"),
        (b"t.", "has no mark"),
    ],
)
def test_whatever_is_forged_is_refused_in_one_line(held, says):
    if says is None:
        assert not isinstance(read_pickled(held, named), type)
        return
    with pytest.raises(ForgedError, match=says) as told:
        read_pickled(held, named)
    assert "\n" not in str(told.value)


def test_endless_nesting_is_neither_followed_nor_hashed():
    deep = read_pickled(b"]" * 60_000 + b"a" * 59_999 + b".", named)
    assert len(deep) == 1
    with pytest.raises(ForgedError, match="a key is a tuple"):
        read_pickled(b"})" + b"\x85" * 100_000 + b"K\x01s.", named)
    own = read_pickled(b"]q\x00h\x00a.", named)
    assert own[0] is own


def test_a_stand_in_takes_anything_and_does_nothing():
    held = b"ca\nb\n(K\x01K\x02tR}X\x01\x00\x00\x00ak\x01sb(K\x01K\x02eq\x00(K\x01K\x02u.".replace(
        b"ak", b"aK"
    )
    assert isinstance(read_pickled(held, lambda name: StandIn()), StandIn)
