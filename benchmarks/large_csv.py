"""Analyses one large CSV file by `run_analysis_pipeline`: stored, fetched again, profiled, answered by the simulator.

`python -m benchmarks.large_csv [--mb N]`: `make bench-csv`. The call runs in a process of its own, whose CPU and peak
memory are told.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from batchgen.pipeline_orchestrator import run_analysis_pipeline
from benchmarks.measurement import Measurement, measure_client
from benchmarks.servers import fresh_servers

_MB = 1_000_000
_CHUNK = 50_000
_REGIONS = ("Seoul", "東京", "القاهرة", "Köln")


def main() -> None:
    """Write the file, analyse it, print; exit code 1 with the error where there is no result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large_csv", description=__doc__)
    parser.add_argument("--mb", type=int, default=500, help="size of the file, in MB")
    size = parser.parse_args().mb * _MB
    with TemporaryDirectory(prefix="batchgen-benchmark-") as name:
        folder = Path(name)
        rows = write_table(folder / "sales.csv", size)
        with fresh_servers(folder) as addresses:
            kept = {name: value for name, value in os.environ.items() if not name.startswith("BATCHGEN_")}
            own = {"BATCHGEN_ENV_FILE": "", "BATCHGEN_STATE_DIR": name, "BATCHGEN_LOG_LEVEL": "warning"}
            command = [sys.executable, "-c", f"from {__spec__.name} import measure; measure()"]
            done = subprocess.run(
                [*command, str(folder / "sales.csv"), str(rows)],
                env=kept | addresses | own,
                stdout=subprocess.PIPE,
                check=False,
            )
    if done.returncode:
        sys.exit("It was not analysed; the error stands above.")
    measured = Measurement(**json.loads(done.stdout))
    print(f"{size / _MB:,.0f} MB, {rows:,} rows: {measured.wall_s:.1f} s, ", end="")
    print(f"{measured.cpu_s:.1f} s CPU, peak {measured.peak_mib:.0f} MiB")


def measure() -> None:
    """Be the process that analyses."""
    measure_client(_analyse)


def _analyse(path: Path, rows: int) -> int:
    result, error = run_analysis_pipeline(path, question="Which region sells most?")
    if result is None:
        sys.exit(error)
    if result["profile"]["rows"] != rows:
        sys.exit(f"{result['profile']['rows']:,} of {rows:,} rows were read.")
    return 1


def write_table(path: Path, size: int) -> int:
    """Write at least so many bytes of sales; returns the number of rows."""
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("order,day,region,units,price,note\n")
        while file.tell() < size:
            file.writelines(_row(number) for number in range(rows, rows + _CHUNK))
            rows += _CHUNK
    return rows


def _row(number: int) -> str:
    day = f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}"
    return f'{number},{day},{_REGIONS[number % 4]},{number * 7919 % 50},{number % 9973 / 100},"said ""yes"", later"\n'


if __name__ == "__main__":
    main()
