"""Texts as MinHashes: those that share most of their features share most of its values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import xxhash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Sketch = NDArray[np.uint32]

BANDS = 32
ROWS = 4
"""Texts that share 0.42 of their features meet in a bucket with a chance of 63 %, at 0.6 of 99 %, at 0.8 always."""
VALUES = BANDS * ROWS
_SEED = 1
_LONG, _SHORT = 100, 160
"""Texts of these lengths and between are short and long, so that none falls between two kinds of features."""
_MOST_CHARACTERS = 4_000
"""What a longer text holds after these does not find candidates; it is scored all the same."""


class Sketcher:
    """Makes sketches of texts; always the same for the same texts."""

    def __init__(self) -> None:
        from datasketch import MinHash  # noqa: PLC0415 - with SciPy 0.3 s and 40 MB, where texts are compared alone

        self._empty = MinHash(VALUES, seed=_SEED, scheme="affine32", hashfunc=_as_it_is)

    def sketches(self, texts: Sequence[str]) -> list[NDArray[np.uint32]]:
        """Return one sketch for plain texts that are short or long, two for those between."""
        length = sum(len(text) * (2 if _is_dense(text) else 1) for text in texts)
        found = []
        if length <= _SHORT:
            found.append(self._sketch(_letters, texts))
        if length >= _LONG:
            found.append(self._sketch(_phrases, texts))
        return found

    def _sketch(self, kind: Callable[[str], Iterable[str]], texts: Iterable[str]) -> NDArray[np.uint32]:
        features = {feature for text in texts for feature in kind(text[:_MOST_CHARACTERS])}
        minhash = self._empty.copy()
        minhash.update_batch([xxhash.xxh32_intdigest(feature.encode()) for feature in features])
        values: NDArray[np.uint32] = minhash.hashvalues
        return values


def bands_of(sketch: NDArray[np.uint32], salt: int) -> NDArray[np.uint32]:
    """Return one hash for each ROWS values and the salt, of 32 bits."""
    import numpy as np  # noqa: PLC0415 - as late as above

    parts = sketch.reshape(BANDS, ROWS)
    hashes = np.full(BANDS, 2_166_136_261 ^ salt, np.uint32)  # FNV-1a, by 32 bits instead of 8, mixed after each
    for row in range(ROWS):
        hashes = (hashes ^ parts[:, row]) * np.uint32(16_777_619)
        hashes ^= hashes >> np.uint32(15)
    return hashes


def _letters(text: str) -> Iterator[str]:
    """Yield words, and what overlaps in the text: few changes to a short text leave most of these as they are."""
    yield from text.split()
    padded, size = f" {text} ", 2 if _is_dense(text) else 3
    for start in range(len(padded) - size + 1):
        yield padded[start : start + size]


def _phrases(text: str) -> Iterator[str]:
    """Yield pairs of words, which even texts on the same subject seldom share; beside letters they cannot be taken."""
    if _is_dense(text):
        for start in range(max(1, len(text) - 3)):
            yield "\n" + text[start : start + 4]
        return
    words = ["", *text.split(), ""]
    for position in range(len(words) - 1):
        yield f"{words[position]}\n{words[position + 1]}"


def _is_dense(text: str) -> bool:
    """Tell whether most of it is in a script without blanks, or of syllables: two characters say as much as three."""
    return sum(character >= "\u0e00" for character in text) * 2 > len(text) if not text.isascii() else False


def _as_it_is(feature: int) -> int:
    return feature
