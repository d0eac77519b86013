"""What is told of the runs: medians, what more records cost, and the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measurement import Measurement

WHOLE_WAY, FLOOR = "whole way", "floor"
Runs = Mapping[str, Mapping[int, Sequence[Measurement]]]
"""Client → number of records → its runs."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians of one client's runs over one number of records."""

    cpu_s: float
    wall_s: float
    peak_mib: float

    @classmethod
    def of(cls, runs: Sequence[Measurement]) -> Figures:
        """Take the median of each figure by itself."""
        return cls(
            cpu_s=median(run.cpu_s for run in runs),
            wall_s=median(run.wall_s for run in runs),
            peak_mib=median(run.peak_mib for run in runs),
        )


@dataclass(frozen=True, slots=True)
class Growth:
    """What more records cost one client: from the second largest number of records to the largest."""

    smaller: int
    larger: int
    cpu_us_per_record: float
    """CPU of each record more, in microseconds; what every process pays once is not in it."""
    peak: float
    """By how much the peak memory rises, as a fraction."""

    @classmethod
    def of(cls, figures: Mapping[int, Figures]) -> Growth:
        """Compare the two largest; needs two sizes."""
        smaller, larger = sorted(figures)[-2:]
        few, many = figures[smaller], figures[larger]
        return cls(
            smaller=smaller,
            larger=larger,
            cpu_us_per_record=(many.cpu_s - few.cpu_s) / (larger - smaller) * 1e6,
            peak=many.peak_mib / few.peak_mib - 1,
        )


def figures_of(runs: Runs) -> dict[str, dict[int, Figures]]:
    """Medians by client and number of records."""
    return {client: {size: Figures.of(each) for size, each in by_size.items()} for client, by_size in runs.items()}


def growth_of(figures: Mapping[str, Mapping[int, Figures]]) -> dict[str, Growth]:
    """The growth of each client, where at least two sizes were measured."""
    return {client: Growth.of(by_size) for client, by_size in figures.items() if len(by_size) > 1}


def cpu_ratio(growth: Mapping[str, Growth]) -> float | None:
    """How many times the floor's CPU a record more costs on the whole way."""
    if FLOOR not in growth:
        return None
    return growth[WHOLE_WAY].cpu_us_per_record / growth[FLOOR].cpu_us_per_record


def show(runs: Runs) -> None:
    """Print the table and, below it, what more records cost."""
    console = Console(highlight=False)
    figures = figures_of(runs)
    table = Table("", "records", "client CPU s", "wall s", "peak MiB")
    for column in table.columns[1:]:
        column.justify = "right"
    for client, by_size in figures.items():
        for size, each in sorted(by_size.items()):
            table.add_row(client, f"{size:,}", f"{each.cpu_s:.2f}", f"{each.wall_s:.1f}", f"{each.peak_mib:.0f}")
    console.print(table)
    growth = growth_of(figures)
    for client, more in growth.items():
        console.print(
            f"{client}: {more.cpu_us_per_record:.1f} µs CPU a record, peak memory {more.peak:+.1%} "
            f"(from {more.smaller:,} to {more.larger:,} records)"
        )
    ratio = cpu_ratio(growth)
    if ratio is not None:
        console.print(f"ratio of the marginal CPU: {ratio:.2f}")


def as_json(runs: Runs) -> dict[str, Any]:
    """Everything that `show` prints, and the runs themselves, as plain values."""
    figures = figures_of(runs)
    growth = growth_of(figures)
    return {
        "runs": [
            {"client": client, **asdict(run)}
            for client, sizes in runs.items()
            for each in sizes.values()
            for run in each
        ],
        "medians": [
            {"client": client, "records": size, **asdict(each)}
            for client, by_size in figures.items()
            for size, each in by_size.items()
        ],
        "growth": [{"client": client, **asdict(more)} for client, more in growth.items()],
        "cpu_ratio": cpu_ratio(growth),
    }
