"""How alike two records are: each compared text by itself, the mean by weight."""

from __future__ import annotations

from collections.abc import Sequence

_LEAST_SHARE = 0.5
"""Of the weights: where less can be compared, nothing is said."""


def likeness(one: Sequence[str], other: Sequence[str], weights: Sequence[float], least: float) -> float:
    """Return from 0 to 1 how alike plain texts are, field by field; 0 where it cannot reach `least`.

    A text that one of them lacks says nothing. Two texts are as alike as they read, or as their words in any order.
    """
    there = [position for position in range(len(weights)) if one[position] and other[position]]
    whole = sum(weights[position] for position in there)
    if not there or whole < _LEAST_SHARE * sum(weights):
        return 0.0
    # The longest first: it is the likeliest to settle that they differ.
    there.sort(key=lambda position: -len(one[position]))
    sure, left = 0.0, whole
    for position in there:
        left -= weights[position]
        needed = (least * whole - sure - left) / weights[position]
        found = _of_texts(one[position], other[position], needed)
        sure += weights[position] * found
        if sure + left < least * whole - 1e-9:
            return 0.0
    return sure / whole


def _of_texts(one: str, other: str, needed: float) -> float:
    from rapidfuzz import fuzz  # noqa: PLC0415 - 20 ms and 10 MB, where texts are compared alone

    if one == other:
        return 1.0
    cutoff = max(0.0, 100 * needed - 1e-6)
    read = fuzz.ratio(one, other, score_cutoff=cutoff)
    return max(read, fuzz.token_sort_ratio(one, other, score_cutoff=max(cutoff, read))) / 100
