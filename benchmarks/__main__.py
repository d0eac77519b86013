"""Measures the whole way and the floor in turn, each run in a new client process with new servers."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from benchmarks.measurement import POLL_INTERVAL_S, Measurement
from benchmarks.report import FLOOR, WHOLE_WAY, Runs, as_json, show
from benchmarks.servers import fail_once, fresh_servers
from benchmarks.source import write_source

MODULES = {WHOLE_WAY: "benchmarks.whole_way", FLOOR: "benchmarks.floor"}
SIZES = (1_000, 50_000, 200_000)
_EVERY_FIFTH = r":\d*[05]$"
"""Custom ids end with the row."""


def main() -> None:
    """Measure, print the table, write the JSON. Exit code 1 with one line where a run is not whole."""
    options = _parser().parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    runs = measure(options.sizes, options.repeat, failing=options.failing)
    show(runs)
    if options.json is not None:
        options.json.write_text(json.dumps(as_json(runs), indent=2) + "\n", encoding="utf-8")


def measure(sizes: list[int], repeat: int, *, failing: bool) -> Runs:
    """Run both clients in turn over each size; the floor retries nothing, so it has no part where records fail."""
    clients = [WHOLE_WAY] if failing else list(MODULES)
    runs: dict[str, dict[int, list[Measurement]]] = {client: defaultdict(list) for client in clients}
    for number in range(1, repeat + 1):
        for size in sizes:
            for client in clients:
                measured = run_client(client, size, failing=failing)
                runs[client][size].append(measured)
                told = f"{measured.cpu_s:.2f} s CPU, {measured.wall_s:.1f} s, {measured.peak_mib:.0f} MiB"
                print(f"[{number}/{repeat}] {client}, {size:,} records: {told}", file=sys.stderr)
    return runs


def run_client(client: str, records: int, *, failing: bool) -> Measurement:
    """Run one client over new records and servers; all of it is gone afterwards."""
    with TemporaryDirectory(prefix="batchgen-benchmark-") as folder:
        source = Path(folder, "source.jsonl")
        write_source(source, records)
        with fresh_servers(Path(folder)) as addresses:
            if failing:
                fail_once(addresses, _EVERY_FIFTH, records // 5)
            command = (sys.executable, "-m", MODULES[client], str(source), str(records))
            done = subprocess.run(command, env=_environment(folder, addresses), stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"The {client} over {records:,} records failed; its error stands above.")
    measured = Measurement(**json.loads(done.stdout))
    if measured.accepted != records:
        sys.exit(f"The {client} brought {measured.accepted:,} of {records:,} records to a stored result.")
    return measured


def _environment(folder: str, addresses: dict[str, str]) -> dict[str, str]:
    own = {
        "BATCHGEN_ENV_FILE": "",
        "BATCHGEN_STATE_DIR": folder,
        "BATCHGEN_POLL_INTERVAL_S": str(POLL_INTERVAL_S),
        "BATCHGEN_LOG_LEVEL": "warning",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BATCHGEN_")}
    return {**kept, **addresses, **own}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--sizes", type=_number, nargs="+", default=SIZES, metavar="N", help="numbers of records")
    parser.add_argument("--repeat", type=_number, default=1, metavar="N", help="runs of each; the median counts")
    parser.add_argument("--failing", action="store_true", help="every fifth record fails its first try")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures and all runs here")
    return parser


def _number(text: str) -> int:
    number = int(text.replace(",", ""))
    if number < 1:
        raise argparse.ArgumentTypeError("below 1")
    return number


def _end(*_: object) -> NoReturn:
    """Leave by an exception, so that servers and folders go."""
    sys.exit("Ended by a signal.")


if __name__ == "__main__":
    main()
