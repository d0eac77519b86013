"""Answer to code: whatever a model wrote around it, the drafts of a test file that it can be taken for.

Nothing here judges the code; the ladder takes the first draft that holds. All of it is linear in the answer's length.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import Any

import orjson

from batchgen.data_types.test_code.code.parsing import plain_newlines

_FENCE = re.compile(r"^(?P<before>[^`~]*)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)$")
_PYTHON = re.compile(r"python|py3?$|pytest|.*\.py$", re.IGNORECASE)
_CODE_LINE = re.compile(
    r"^(?:import\s+[\w.]+(?:\s+as\s+\w+)?\s*(?:,.*|#.*)?$|from\s+[\w.]+\s+import\b|(?:async\s+)?def\s+\w+\s*\(|"
    r"class\s+\w+.*:\s*(?:#.*)?$|@[\w.]+)"
)
_TAIL_LINE = re.compile(r"^(?:\s+\S|[)\]}]|(?:assert|else|elif|except|finally|for|if|try|while|with)\b|[\w.]+\s*[=(:])")
_TOP_LEVEL = re.compile(r"^(?:@|(?:async\s+)?def\s|class\s)", re.MULTILINE)
_BLANK_START = re.compile(r"\A(?:[^\S\n]*\n)+")
_TEST = re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+(test\w*)", re.MULTILINE)

_MAX_BLOCKS = 20
"""Blocks that are looked at: an answer with more is no test file, and each costs a parse."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of an answer."""

    language: str
    code: str
    closed: bool


def drafts(text: str) -> list[str]:
    """Return the test files that an answer may mean, the likeliest first; none where it holds no code."""
    text = plain_newlines(text)
    blocks, outside = _split(_code_in_json(text) or text)
    found = _of_blocks([block for block in blocks if _is_python(block)][:_MAX_BLOCKS])
    if not found:
        in_json = [code for block in blocks if block.language == "json" and (code := _code_in_json(block.code))]
        if in_json:
            return drafts("\n\n".join(in_json))
        found = [_bare(outside)]
    return [draft for draft in dict.fromkeys(map(_normalised, found)) if draft]


def _of_blocks(blocks: list[Block]) -> list[str]:
    """One block is the file. Several are its parts in order, unless they repeat a test: then the last revises it."""
    if not blocks:
        return []
    codes = [block.code for block in blocks]
    if not blocks[-1].closed:
        codes.append(_without_last_definition(codes[-1]))
        return [*_of_blocks_closed(codes[:-1]), *_of_blocks_closed([*codes[:-2], codes[-1]])]
    return _of_blocks_closed(codes)


def _of_blocks_closed(codes: list[str]) -> list[str]:
    together = "\n\n".join(map(_normalised, codes))
    names = Counter(_TEST.findall(together))
    alone = [code for code in reversed(codes) if _TEST.search(code)]
    repeats = bool(names) and max(names.values()) > 1
    return [*alone, together] if repeats and len(codes) > 1 else [together, *alone]


def _split(text: str) -> tuple[list[Block], str]:
    """Return the fenced blocks and the text around them. A block that is never closed reaches to the end."""
    blocks: list[Block] = []
    outside: list[str] = []
    inside: list[str] = []
    opened: re.Match[str] | None = None
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        if opened is None:
            if fence and (not fence["before"].strip() or _PYTHON.match(fence["info"].strip())):
                opened, inside = fence, []
            else:
                outside.append(line)
        elif fence and fence["fence"].startswith(opened["fence"]) and not (fence["before"] + fence["info"]).strip():
            blocks.append(_block(opened, inside, closed=True))
            opened = None
        else:
            inside.append(line)
    if opened is not None:
        blocks.append(_block(opened, inside, closed=False))
    return blocks, "\n".join(outside)


def _block(opened: re.Match[str], lines: list[str], *, closed: bool) -> Block:
    words = opened["info"].strip().strip("{}").lstrip(".").split()
    return Block(words[0].lower() if words else "", "\n".join(lines), closed)


def _is_python(block: Block) -> bool:
    if block.language:
        return _PYTHON.match(block.language) is not None
    return any(map(_CODE_LINE.match, _normalised(block.code).split("\n")))


def _code_in_json(text: str) -> str | None:
    """Return the strings of a JSON document that read as code, joined; None where it is no JSON or holds none."""
    if text.lstrip()[:1] not in {"{", "[", '"'}:
        return None
    try:
        document: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    codes: list[str] = []
    pending = [document]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            plain = plain_newlines(value)
            if _TEST.search(plain) or any(map(_CODE_LINE.match, plain.split("\n"))):
                codes.append(plain)
        elif isinstance(value, dict | list):
            pending.extend(reversed(list(value.values() if isinstance(value, dict) else value)))
    return "\n\n".join(codes) if codes else None


def _bare(text: str) -> str:
    """Return what stands between the first and the last line that read as code."""
    lines = textwrap.dedent(text).split("\n")
    starts = [number for number, line in enumerate(lines) if _CODE_LINE.match(line)]
    if not starts:
        return ""
    ends = [number for number, line in enumerate(lines) if _CODE_LINE.match(line) or _TAIL_LINE.match(line)]
    return "\n".join(lines[starts[0] : ends[-1] + 1])


def _without_last_definition(code: str) -> str:
    """Return a file that was cut off without the definition it was cut in, decorators included."""
    starts = [found.start() for found in _TOP_LEVEL.finditer(code)]
    while len(starts) > 1 and code.startswith("@", starts[-2]):
        starts.pop()
    return code[: starts[-1]] if starts else ""


def _normalised(code: str) -> str:
    """Return the code flush left, without blank lines around it, ending in one line feed."""
    code = _BLANK_START.sub("", code).rstrip()
    if code[:1].isspace():
        code = textwrap.dedent(code)
    return f"{code}\n" if code else ""
