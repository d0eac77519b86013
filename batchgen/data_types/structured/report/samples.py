"""Records that a reviewer is shown with their input: the first, those far from the others, some of each refusal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from batchgen.data_types.contract import Outcome, Record, Rejected, Result
from batchgen.data_types.structured.tables import cell

FIRST = 6
_OF_EACH_REASON = 3
_MOST_REFUSED = 24
_SHOWN = 700
"""Characters of a value."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One record: what was given, what was written."""

    record_id: str
    given: list[tuple[str, str]]
    written: list[tuple[str, str]]
    reason: str = ""
    detail: str = ""
    why: str = ""
    """Why it is shown."""


@dataclass(slots=True)
class Samples:
    """What is shown, in the order of the source."""

    first: list[Sample] = field(default_factory=list)
    outlying: list[Sample] = field(default_factory=list)
    refused: list[Sample] = field(default_factory=list)


def pick_samples(
    outcomes: Iterable[Outcome], outlying: dict[int, str], given: Callable[[Record], dict[str, Any]]
) -> Samples:
    """Pick in one pass; `outlying` says why accepted records, counted from 0, are shown."""
    samples = Samples()
    shown: Counter[str] = Counter()
    row = -1
    for outcome in outcomes:
        if isinstance(outcome, Result):
            row += 1
            if row in outlying:
                samples.outlying.append(_sample(outcome, given, why=outlying[row]))
            elif row < FIRST:
                samples.first.append(_sample(outcome, given))
        elif shown[outcome.reason] < _OF_EACH_REASON and len(samples.refused) < _MOST_REFUSED:
            shown[outcome.reason] += 1
            samples.refused.append(_sample(outcome, given))
    return samples


def _sample(outcome: Result | Rejected, given: Callable[[Record], dict[str, Any]], why: str = "") -> Sample:
    reason, detail = (outcome.reason, outcome.detail) if isinstance(outcome, Rejected) else ("", "")
    return Sample(
        record_id=outcome.record.record_id,
        given=_pairs(given(outcome.record)),
        written=_pairs(outcome.output),
        reason=reason,
        detail=detail,
        why=why,
    )


def _pairs(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, str):
        try:
            parsed = orjson.loads(value)
        except orjson.JSONDecodeError:
            parsed = None
        value = parsed if isinstance(parsed, dict) else value
    if isinstance(value, dict):
        return [(name, _text(each)) for name, each in value.items()]
    return [] if value is None else [("", _text(value))]


def _text(value: Any) -> str:
    if value is None:
        return ""
    plain = isinstance(value, str | int | float | bool) or (isinstance(value, list) and not _is_nested(value))
    text = str(cell(value)) if plain else orjson.dumps(value).decode()
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _is_nested(values: Collection[Any]) -> bool:
    return any(
        isinstance(each, list) or (isinstance(each, dict) and each.keys() != {"name", "value"}) for each in values
    )
