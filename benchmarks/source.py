"""The records that are measured: JSON lines of about 1 KB with an id and a prompt."""

from __future__ import annotations

from pathlib import Path
from random import Random

import orjson

PROMPT_CHARACTERS = 970
"""With id and keys, a line has about 1,000 bytes."""
_PROSE = """\
It was the best of notes, and it said "so" twice: what stands here is neither code nor numbers but plain prose, since
that is what most prompts are made of. Now and then a line ends, a comma comes, or a word is quoted; the rest is the
few hundred words that every text shares, and which are enough to give each record a size and a shape of its own.
"""
_TEXTS = 500


def write_source(path: Path, records: int) -> None:
    """Write the source; the same number of records gives the same file."""
    random = Random(0)  # noqa: S311 - text to count with, no secret
    words = _PROSE.split(" ")
    texts = [" ".join(random.choices(words, k=PROMPT_CHARACTERS)) for _ in range(_TEXTS)]
    with path.open("wb", buffering=1 << 20) as file:
        for number in range(1, records + 1):
            prompt = f"Summarise note {number}: {texts[number % _TEXTS]}"[:PROMPT_CHARACTERS]
            file.write(orjson.dumps({"id": f"note-{number}", "prompt": prompt}, option=orjson.OPT_APPEND_NEWLINE))
