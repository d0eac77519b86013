"""Statistics of the fields of accepted answers. A batch has at most 50,000 records, so that numbers are kept whole."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import TYPE_CHECKING, Any

from batchgen.data_types.contract import Result
from batchgen.data_types.structured.facts import as_text
from batchgen.data_types.structured.fields import FieldSpec, FieldType
from batchgen.data_types.tabular import is_missing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_DISTINCT = 2_000
"""Values that are counted one by one; a field with more of them has too many to be listed."""
_TOP = 10
_SHOWN_VALUE = 80
_FENCE = 3.0
"""Interquartile ranges beyond the quartiles from which a value counts as far out (Tukey, Exploratory Data Analysis)."""
_LEAST_FOR_OUTLIERS = 20
_SHOWN_OUTLIERS = 10
MEASURES = {
    FieldType.TEXT: "characters",
    FieldType.LIST: "items",
    FieldType.ATTRIBUTES: "items",
    FieldType.NUMBER: "value",
    FieldType.INTEGER: "value",
}
"""What is measured of a field, by its type; of booleans nothing is."""


@dataclass(frozen=True, slots=True)
class Outlier:
    """A record whose value lies far from those of the others; `row` counts accepted records from 0."""

    row: int
    record_id: str
    value: float


@dataclass(frozen=True, slots=True)
class FieldStatistics:
    """One field over all accepted records."""

    spec: FieldSpec
    present: int
    missing: int
    values: NDArray[np.float64]
    """What is measured of each present value: see MEASURES."""
    distinct: int | None
    """How many different values there are; None: too many to count."""
    top: Sequence[tuple[str, int]]
    outliers: Sequence[Outlier]
    """The farthest first."""

    def fields(self) -> dict[str, Any]:
        """Return it as it stands in report.json."""
        found: dict[str, Any] = {
            "type": self.spec.type.value,
            "present": self.present,
            "missing": self.missing,
            "distinct": self.distinct,
            "top": [{"value": value, "records": count} for value, count in self.top],
        }
        if self.spec.type in MEASURES and len(self.values):
            found[MEASURES[self.spec.type]] = self._summary()
        if self.outliers:
            shown = [{"record_id": each.record_id, "value": each.value} for each in self.outliers[:_SHOWN_OUTLIERS]]
            found["outliers"] = {"records": len(self.outliers), "examples": shown}
        return found

    def _summary(self) -> dict[str, float]:
        import numpy as np  # noqa: PLC0415 - where statistics are made alone

        names = ("min", "p05", "p25", "median", "p75", "p95", "max")
        with np.errstate(over="ignore", invalid="ignore"):
            found = np.quantile(self.values, (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1))
            numbers = dict(zip(names, map(float, found), strict=True))
            return numbers | {"mean": float(self.values.mean()), "sd": float(self.values.std())}


class _Collector:
    """Takes the values of one field."""

    def __init__(self, spec: FieldSpec) -> None:
        self._spec = spec
        self._measures = array("d")
        self._counts: Counter[str] | None = Counter()

    def add(self, value: Any) -> None:
        if is_missing(value) or value == []:
            self._measures.append(nan)
            return
        self._measures.append(_measure(value))
        if self._counts is not None:
            self._counts[_named(value)] += 1
            if len(self._counts) > _MOST_DISTINCT:
                self._counts = None

    def finish(self, record_ids: Sequence[str]) -> FieldStatistics:
        import numpy as np  # noqa: PLC0415 - as above

        measures = np.frombuffer(self._measures, np.float64)
        rows = np.flatnonzero(~np.isnan(measures))
        counts = self._counts
        repeated = counts is not None and len(counts) * 2 <= len(rows)
        return FieldStatistics(
            spec=self._spec,
            present=len(rows),
            missing=len(measures) - len(rows),
            values=measures[rows],
            distinct=None if counts is None else len(counts),
            top=[(_shown(value), times) for value, times in counts.most_common(_TOP)] if counts and repeated else (),
            outliers=[Outlier(int(row), record_ids[row], float(measures[row])) for row in _outlying(measures, rows)]
            if self._spec.type in MEASURES
            else (),
        )


def collect_statistics(results: Iterable[Result], specs: Sequence[FieldSpec]) -> list[FieldStatistics]:
    """Return the statistics of each field over accepted results, in one pass."""
    collectors = {spec.name: _Collector(spec) for spec in specs}
    record_ids = []
    for result in results:
        record_ids.append(result.record.record_id)
        for name, collector in collectors.items():
            collector.add(result.output.get(name))
    return [collector.finish(record_ids) for collector in collectors.values()]


def _measure(value: Any) -> float:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str | list):
        return float(len(value))
    try:
        number = float(value)
    except OverflowError:
        return nan
    return number if isfinite(number) else nan


def _named(value: Any) -> str:
    if isinstance(value, list):
        value = " · ".join(_named(each) for each in value)
    elif isinstance(value, dict):
        value = f"{value.get('name')}: {value.get('value')}"
    elif isinstance(value, bool):
        value = str(value).lower()
    return as_text(value)


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_VALUE else text[: _SHOWN_VALUE - 1] + "…"


def _outlying(measures: NDArray[np.float64], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the rows that lie beyond the fences, the farthest first; none where half of all values are the same."""
    import numpy as np  # noqa: PLC0415 - as above

    values = measures[rows]
    if len(values) < _LEAST_FOR_OUTLIERS:
        return rows[:0]
    low, high = np.quantile(values, (0.25, 0.75))
    with np.errstate(over="ignore", invalid="ignore"):
        reach = (high - low) * _FENCE
        beyond = np.maximum(low - reach - values, values - high - reach)
    if reach == 0:
        return rows[:0]
    order = np.argsort(-beyond, kind="stable")
    found: NDArray[np.intp] = rows[order[: int((beyond > 0).sum())]]
    return found
