"""Text to syntax tree, without ever running it: whatever is wrong with the text comes back as a value.

Sources and answers are parsed by the same function, because both may be anything: wrong encodings, NUL bytes,
expressions nested until the parser gives up.
"""

from __future__ import annotations

import ast
import io
import threading
import tokenize
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import TypeVar

_Result = TypeVar("_Result")

_WARNINGS = threading.Lock()
"""`catch_warnings` changes a global: two threads in it at once would leave the wrong filters behind."""


@dataclass(frozen=True, slots=True)
class NotPython:
    """Why a text is not Python, and at which line (from 1)."""

    line: int
    problem: str


def parse(code: str, *, compiled: bool = False) -> ast.Module | NotPython:
    """Return the tree; with `compiled`, of code that the compiler takes too. Nothing is executed."""
    tree = _quietly(lambda: ast.parse(code))
    if compiled and not isinstance(tree, NotPython):  # `return` outside a function and its kind pass the parser
        refused = _quietly(lambda: compile(tree, "<text>", "exec", dont_inherit=True))
        return refused if isinstance(refused, NotPython) else tree
    return tree


def bytecode(code: str) -> CodeType | NotPython:
    """Return what the module compiles to, assertions included, to be looked at: nothing is executed."""
    return _quietly(lambda: compile(code, "<segment>", "exec", dont_inherit=True, optimize=0))


def _quietly(read: Callable[[], _Result]) -> _Result | NotPython:
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return read()
        except SyntaxError as error:
            return NotPython(max(error.lineno or 1, 1), _encodable(error.msg))
        except (RecursionError, MemoryError, OverflowError):
            return NotPython(1, "it is nested too deeply to be parsed")
        except ValueError as error:
            return NotPython(1, _encodable(str(error)))


def decode(raw: bytes) -> str | NotPython:
    """Return the text of a source file in the encoding it declares (PEP 263), with plain line feeds."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        return NotPython(raw.count(b"\n", 0, error.start) + 1, f"is not {error.encoding} text")
    except (SyntaxError, LookupError, ValueError) as error:
        return NotPython(1, _encodable(str(error)))
    return plain_newlines(text)


def plain_newlines(text: str) -> str:
    """Return the text without a byte order mark, its lines ended as Python's parser counts them."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _encodable(message: str) -> str:
    """A message may quote half a surrogate pair, which no JSON can hold."""
    return message.encode("utf-8", "replace").decode("utf-8")
