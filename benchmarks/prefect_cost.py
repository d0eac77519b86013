"""What Prefect adds to a batch: seconds, CPU, flow runs, task runs and rows of its database.

    .venv/bin/python -m benchmarks.prefect_cost [--batches 1 11] [--deployed]

The same job goes to COMPLETED without Prefect (`Services.advance`), as a Python call (`flows.generate`) and, with
`--deployed`, through the deployments and a worker, on new servers each.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import psutil

from batchgen.local.info import Part
from batchgen.local.stack import EmbeddedStack
from batchgen.services import Services
from batchgen.settings import Settings
from batchgen.simulator import SimulatorControl
from batchgen.stages.decision import Action
from batchgen.stages.intake import JobRequest

MODEL = "gpt-4o"
"""Its enqueued-token limit at usage tier 1 (90,000) makes batches of few records."""
_RECORDS_A_BATCH = 9
_WORDS = 9_000
_POLL_S = 0.2
_PARTS = (Part.REDIS, Part.S3, Part.SIMULATOR, Part.PREFECT)


@dataclass(frozen=True, slots=True)
class Cost:
    """One job of so many batches."""

    way: str
    batches: int
    wall_s: float
    client_cpu_s: float
    server_cpu_s: float
    flow_runs: int
    task_runs: int
    rows: int


def without_prefect(source: str) -> None:
    with Services(Settings.load()) as services:
        job = services.processor.create_job(JobRequest("prompt", source, model=MODEL, name="job"))
        services.advance(job.job_id)
        for batch in services.reviewer.waiting(job.job_id):
            services.reviewer.decide(batch.batch_id, Action.APPROVE, reviewer="benchmark")


def python_call(source: str) -> None:
    import flows  # noqa: PLC0415 - the other way does without

    flows.generate("prompt", source, model=MODEL, job="job", review="approve")


def deployed(source: str) -> None:
    """Start the deployment and answer every review, as a person at the UI would."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - as above

    given = {"data_type": "prompt", "source": source, "model": MODEL, "job": "job"}
    with get_client(sync_client=True) as client, Services(Settings.load()) as services:
        generate = client.read_deployment_by_name("generate/generate")
        run = client.create_flow_run_from_deployment(generate.id, parameters=given)
        while not client.read_flow_run(run.id).state.is_final():  # type: ignore[union-attr]
            time.sleep(_POLL_S)
        while any(batch.status != "COMPLETED" for batch in services.ids.job_batches("job")):
            for review in client.read_flow_runs():
                if review.state_name == "Suspended":
                    client.resume_flow_run(review.id, run_input={"decision": "approve", "reviewer": "benchmark"})
            time.sleep(_POLL_S)


WAYS: dict[str, Callable[[str], None]] = {
    "without Prefect": without_prefect,
    "Python call": python_call,
    "deployed": deployed,
}


def measure(way: str, batches: int) -> Cost:
    """Run one job of so many batches on servers of its own."""
    with TemporaryDirectory(prefix="batchgen-benchmark-") as folder, servers(Path(folder), way) as environment:
        source = Path(folder, "source.jsonl")
        text = "word " * _WORDS
        rows = ({"id": str(number), "prompt": text} for number in range(batches * _RECORDS_A_BATCH))
        source.write_bytes(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
        database = Path(folder, "stack", "prefect", "prefect.db")
        rows_before, server_before = count(database), server_cpu_s(folder)
        command = (sys.executable, "-m", "benchmarks.prefect_cost", "--client", way, str(source))
        done = subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, check=True)
        wall_s, client_cpu_s = json.loads(done.stdout.splitlines()[-1])
        used, rows_after = server_cpu_s(folder) - server_before, count(database)
        added = {table: rows_after[table] - rows_before.get(table, 0) for table in rows_after}
    return Cost(
        way,
        batches,
        wall_s,
        client_cpu_s,
        used,
        added.get("flow_run", 0),
        added.get("task_run", 0),
        sum(added.values()),
    )


@contextmanager
def servers(folder: Path, way: str) -> Iterator[dict[str, str]]:
    """New servers, and for the deployed way a worker; gives the variables that point at them."""
    own = {
        "BATCHGEN_ENV_FILE": "",
        "BATCHGEN_STATE_DIR": str(folder),
        "BATCHGEN_OPENAI_USAGE_TIER": "1",
        "BATCHGEN_LOG_LEVEL": "warning",
    }
    stack = EmbeddedStack(folder)
    try:
        environment = stack.up(_PARTS).environment() | own
        SimulatorControl(environment["OPENAI_BASE_URL"]).config(batch_seconds=0)
        if way == "deployed":
            up = (sys.executable, "-m", "batchgen.cli", "up", "--worker")
            subprocess.run(up, env={**os.environ, **own}, check=True, stdout=subprocess.DEVNULL)
        yield environment
    finally:
        stack.down()


def count(database: Path) -> dict[str, int]:
    """Rows by table."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in tables}  # noqa: S608


def server_cpu_s(folder: str) -> float:
    """CPU seconds of the Prefect server so far."""
    found = EmbeddedStack(Path(folder)).find()
    if found is None or Part.PREFECT not in found.parts:
        return 0.0
    times = psutil.Process(found.parts[Part.PREFECT].pid).cpu_times()
    return times.user + times.system


def be_client(way: str, source: str) -> None:
    """Run the job and print its wall and CPU seconds; those of its children (a worker's are not) count."""
    began = time.perf_counter()
    WAYS[way](source)
    wall_s = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([wall_s, used.ru_utime + used.ru_stime]))


def main() -> None:
    """Measure each way at each size and print a table, the marginal cost of a batch last."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prefect_cost", description=__doc__)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 11], metavar="N")
    parser.add_argument("--deployed", action="store_true", help="also through deployments and a worker: minutes")
    parser.add_argument("--client", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        be_client(*options.client)
        return
    names = tuple(name for name in asdict(Cost("", 0, 0, 0, 0, 0, 0, 0)) if name != "way")
    print(f"{'way':18}" + "".join(f"{name:>14}" for name in names))
    for way in WAYS:
        if way == "deployed" and not options.deployed:
            continue
        costs = [asdict(measure(way, size)) for size in sorted(options.batches)]
        for cost in costs:
            print(f"{way:18}" + "".join(f"{cost[name]:14.2f}" for name in names))
        if len(costs) > 1:
            more = costs[-1]["batches"] - costs[0]["batches"]
            print(f"{'  a batch more':18}" + "".join(f"{(costs[-1][n] - costs[0][n]) / more:14.2f}" for n in names))


if __name__ == "__main__":
    main()
