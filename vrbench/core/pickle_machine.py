"""The stack and the memo of a pickle, and what its opcodes may do with them."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from vrbench.core.archives import ForgedError
from vrbench.core.pickle_tokens import StandIn, Token, checked_key

LINE = 4096  # bytes of an opcode's line: a name, or a number as text
NUMBER = 128  # bytes of a whole number
SHAPES = {form: struct.Struct(form) for form in ("<i", "<H", "<I", "<Q", ">d")}


class _Mark:
    """Where a group of the stack begins."""


MARK = _Mark()
Op = Callable[["Machine"], None]


class Machine:
    """A stack and a memo."""

    def __init__(
        self,
        file: BinaryIO,
        names: Callable[[str], Token],
        strings: str | None,
        persistent: Callable[[Any], Any] | None,
    ) -> None:
        self.file, self.names, self.strings, self.persistent = file, names, strings, persistent
        at = file.tell()
        self.size = file.seek(0, os.SEEK_END)
        file.seek(at)
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.noted: dict[int, list[int]] = {}  # where in the memo a token stands, by its id

    def run(self, steps: dict[bytes, Op]) -> Any:
        """Return what the pickle holds, by the steps that its opcodes stand for."""
        read = self.file.read
        while True:
            op = read(1)
            if op == b".":
                return self.pop()
            try:
                step = steps[op]
            except KeyError:
                told = f"opcode {op!r}" if op else "an end in its middle"
                raise ForgedError(f"it is no pickle that can be read: {told}") from None
            step(self)

    def take(self, count: int) -> bytes:
        """Return the next bytes, if there are so many."""
        if not 0 <= count <= self.size:
            raise ForgedError("it is longer by its own account than the file is")
        found = self.file.read(count)
        if len(found) != count:
            raise ForgedError("it ends in its middle")
        return found

    def number(self, form: str) -> Any:
        shape = SHAPES[form]
        return shape.unpack(self.take(shape.size))[0]

    def byte(self) -> int:
        return self.take(1)[0]

    def line(self) -> bytes:
        found = self.file.readline(LINE)
        if not found.endswith(b"\n"):
            raise ForgedError("a line of it does not end")
        return found[:-1]

    def text(self, data: bytes) -> str:
        return data.decode("utf-8", "surrogatepass")

    def old(self, data: bytes) -> str | bytes:
        """Return a string of Python 2."""
        return data if self.strings is None else data.decode(self.strings)

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is MARK:
            raise ForgedError("its stack is empty")
        return self.stack.pop()

    def top(self, kind: type | tuple[type, ...]) -> Any:
        if not self.stack or self.stack[-1] is MARK or not isinstance(self.stack[-1], kind):
            raise ForgedError("it fills what is no container")
        return self.stack[-1]

    def group(self) -> list[Any]:
        """Return what lies above the last mark."""
        for at in range(len(self.stack) - 1, -1, -1):
            if self.stack[at] is MARK:
                found = self.stack[at + 1 :]
                del self.stack[at:]
                return found
        raise ForgedError("it has no mark")

    def popped(self, count: int) -> tuple[Any, ...]:
        return tuple([self.pop() for _ in range(count)][::-1])

    def fill(self, pairs: list[Any]) -> None:
        held = self.top((dict, StandIn))
        if len(pairs) % 2:
            raise ForgedError("a key of it has no value")
        if isinstance(held, dict):
            for key, value in zip(pairs[::2], pairs[1::2], strict=True):
                held[checked_key(key)] = value

    def extend(self, values: list[Any]) -> None:
        held = self.top((list, StandIn))
        if isinstance(held, list):
            held.extend(values)

    def add(self, values: list[Any]) -> None:
        held = self.top((set, StandIn))
        if isinstance(held, set):
            held.update(map(checked_key, values))

    def get(self, at: int) -> None:
        if at not in self.memo:
            raise ForgedError("it asks for what it has not noted")
        self.push(self.memo[at])

    def put(self, at: int) -> None:
        held = self.memo[at] = self.top(object)
        if isinstance(held, Token):
            self.noted.setdefault(id(held), []).append(at)

    def name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ForgedError("it asks for a name that is no text")
        self.push(self.names(f"{module}.{name}"))

    def call(self, made: Any, args: Any) -> None:
        if not isinstance(made, Token) or not isinstance(args, tuple | list):
            raise ForgedError(f"it calls a {type(made).__name__}")
        try:
            self.push(made.call(*args))
        except TypeError as error:
            raise ForgedError(f"it calls {made} with other arguments: {error}") from None

    def build(self) -> None:
        state, made = self.pop(), self.pop()
        if isinstance(made, dict | set | list):  # attributes of a container, such as _metadata
            self.push(made)
        elif isinstance(made, Token):
            done = made.built(state)
            self.push(done)
            for at in self.noted.get(id(made), ()):
                if self.memo[at] is made:
                    self.memo[at] = done
        else:
            raise ForgedError(f"it sets a state of a {type(made).__name__}")

    def persist(self, told: Any) -> None:
        if self.persistent is None:
            raise ForgedError("it asks for something outside of it")
        self.push(self.persistent(told))

    def instance(self) -> None:
        module, name = self.line().decode("ascii"), self.line().decode("ascii")
        args = self.group()
        self.name(module, name)
        self.call(self.pop(), args)

    def object_of(self) -> None:
        made, *args = self.group() or [None]
        self.call(made, args)

    def new(self, keyed: bool) -> None:
        if keyed:
            self.pop()  # keyword arguments: no token takes any
        made, args = self.popped(2)
        self.call(made, args)

    def whole(self, line: bytes) -> None:
        if line in (b"00", b"01"):  # how the first protocols write booleans
            return self.push(line == b"01")
        if len(line) > 2 * NUMBER:
            raise ForgedError("a number of it is too long")
        return self.push(int(line.removesuffix(b"L")))

    def long(self, length: int) -> None:
        if length > NUMBER:
            raise ForgedError("a number of it is too long")
        self.push(int.from_bytes(self.take(length), "little", signed=True))
