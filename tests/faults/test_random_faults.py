"""Faults as they come together by chance, and each service away in the middle of a job.

FAULT_SEED repeats a run that failed (its message names the seed), FAULT_RUNS sets how many are made.
"""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from pipeline import Pipeline, StartPipeline
from waiting import wait_until

from batchgen.local import redis_server, servers
from batchgen.local.s3_server import S3Access
from batchgen.services import Services
from batchgen.settings import Settings
from batchgen.simulator import SimulatorServer
from batchgen.stages.intake import JobRequest
from faults.connection_gate import ConnectionGate
from faults.outcome import assert_nothing_lost_or_paid_twice

RUNS = int(os.environ.get("FAULT_RUNS", "15"))
FEWEST_RECORDS, MOST_RECORDS, LARGEST_BATCH = 20, 60, 30
_Draw = Callable[[random.Random], dict[str, Any]]
_USED = ("files.create", "files.retrieve", "files.content", "batches.create", "batches.retrieve", "batches.list")


def _http(random_: random.Random) -> dict[str, Any]:
    kind = random_.choice(["error", "drop_request", "drop_answer", "other_answer", "delay"])
    operation = random_.choice(_USED)
    if kind == "other_answer" and operation == "files.content":
        kind = "drop_answer"  # which file is the right one, nobody can tell there but by its size
    options: dict[str, Any] = {"delay": {"seconds": 0.05}}.get(kind, {})
    if kind == "error":
        options = {"status": random_.choice([408, 409, 429, 500, 503]), "retry_after": 0.01}
    return {"operation": operation, "kind": kind, **options}


def _download(random_: random.Random) -> dict[str, Any]:
    cut = {"fraction": random_.random(), "at": random_.choice(["middle", "line"])}
    ending = random_.choice(["clean", "reset"])
    truncated: dict[str, Any] = {"operation": "files.content", "kind": "truncate", "ending": ending, **cut}
    return random_.choice([truncated, {"operation": "files.content", "kind": "empty"}])


def _batch(random_: random.Random) -> dict[str, Any]:
    part = {"fraction": round(random_.random(), 2)}
    few = {"count": random_.randint(1, 3)}
    kinds: dict[str, dict[str, Any]] = {
        "fail": {"code": random_.choice(["token_limit_exceeded", "invalid_request"]), "message": "refused"},
        "hang": part,
        "expire": part,
        "cancel": part,
        "slow": {"seconds": 0.2},
        "hide": {"seconds": 0.1},
        "wrong_counts": {"total": 1, "completed": 7, "failed": 3},
        "duplicate_lines": few,
        "missing_lines": few,
        "unknown_lines": few,
        "empty_error_file": {},
    }
    kind = random_.choice(sorted(kinds))
    return {"operation": "batches.run", "kind": kind, **kinds[kind]}


def _answer(random_: random.Random) -> dict[str, Any]:
    answers: list[dict[str, Any]] = [
        {"status": 500},
        {"status": 429, "error_code": "rate_limit_exceeded"},
        {"error_code": "request_timeout"},
        {"text": "cut", "finish_reason": "length"},
        {"refusal": "I will not."},
        {"text": "twice", "duplicates": 1},
        {"text": "lost", "missing": True},
    ]
    match = {"custom_id": f":{random_.randint(0, 9)}$"}
    return {"operation": "requests", "kind": "answer", "match": match, **random_.choice(answers)}


_DRAWS: tuple[_Draw, ...] = (_http, _download, _batch, _answer)


def draw_faults(random_: random.Random) -> list[dict[str, Any]]:
    """One to four faults, each up to three times."""
    drawn = [random_.choice(_DRAWS)(random_) for _ in range(random_.randint(1, 4))]
    return [fault | {"times": random_.randint(1, 3), "skip": random_.randint(0, 2)} for fault in drawn]


def draw_outage(random_: random.Random) -> tuple[str, int, int] | None:
    """Mostly a service: after how much of its traffic it is cut off, and how many connections it refuses then."""
    service = random_.choice(["Redis", "S3", "OpenAI", None])
    return None if service is None else (service, random_.randint(0, 60), random_.randint(1, 8))


@pytest.fixture
def s3_gate(own_s3: S3Access) -> Iterator[ConnectionGate]:
    with ConnectionGate(urlsplit(own_s3.endpoint).port or 0) as gate:
        yield gate


@pytest.fixture
def redis_gate(own_redis_url: str) -> Iterator[ConnectionGate]:
    with ConnectionGate(urlsplit(own_redis_url).port or 0) as gate:
        yield gate


@pytest.fixture
def redis_url(own_redis_url: str, redis_gate: ConnectionGate) -> str:
    """The same Redis, through its gate."""
    return own_redis_url.replace(f":{urlsplit(own_redis_url).port}", f":{redis_gate.port}")


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchgen.storage.batch_files.FileLimits.__init__.__defaults__", (LARGEST_BATCH, 10**6, None))


@pytest.mark.timeout(60 + 10 * RUNS)
@pytest.mark.usefixtures("small_batches")
def test_any_combination_of_faults(
    start_pipeline: StartPipeline, s3_gate: ConnectionGate, redis_gate: ConnectionGate, redis_url: str
) -> None:
    first_seed = int(os.environ.get("FAULT_SEED") or secrets.randbelow(10**9))
    direct = start_pipeline(
        AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{s3_gate.port}", REDIS_URL=redis_url, BATCHGEN_LEASE_S=1
    )
    with openai_through_gate(direct) as (pipeline, openai_gate):
        gates = {"Redis": redis_gate, "S3": s3_gate, "OpenAI": openai_gate}
        for seed in range(first_seed, first_seed + RUNS):
            pipeline.simulator.control.reset()
            run_with_faults(pipeline, gates, seed)


@contextmanager
def openai_through_gate(pipeline: Pipeline) -> Iterator[tuple[Pipeline, ConnectionGate]]:
    """The same installation, whose way to OpenAI can be cut; the stages get to see each fault, not the SDK alone."""
    with ConnectionGate(urlsplit(pipeline.simulator.base_url).port or 0) as gate:
        environment = pipeline.environment | {"OPENAI_BASE_URL": f"http://127.0.0.1:{gate.port}/v1"}
        with Services(Settings.model_validate(environment)) as services:
            services.openai.get_sync_client().max_retries = 0
            yield Pipeline(services, pipeline.simulator, pipeline.folder, environment), gate


def run_with_faults(pipeline: Pipeline, gates: dict[str, ConnectionGate], seed: int) -> None:
    """One job under the faults of this seed."""
    random_ = random.Random(seed)  # noqa: S311 - chance that can be repeated, no secret
    control = pipeline.simulator.control
    control.config(window_seconds=1)  # what hangs expires
    faults = draw_faults(random_)
    source = pipeline.prompts(random_.randint(FEWEST_RECORDS, MOST_RECORDS))
    capped = JobRequest("prompt", source, max_output_tokens=1_000, max_cost_usd=Decimal(1))
    job = pipeline.services.processor.create_job(capped)
    for fault in faults:
        control.fault(**fault)
    outage = draw_outage(random_)
    if outage is not None:
        service, after, refuse = outage
        gates[service].cut_later(after, refuse=refuse)
    told = f"FAULT_SEED={seed} FAULT_RUNS=1: {faults}, away: {outage}"
    try:
        pipeline.services.advance(job.job_id)
    except Exception as error:
        raise AssertionError(told) from error
    for gate in gates.values():
        gate.let_pass()
    assert_nothing_lost_or_paid_twice(pipeline, job.job_id, told)


MIXED: tuple[dict[str, Any], ...] = (
    {"operation": "batches.create", "kind": "drop_answer"},
    {"operation": "batches.run", "kind": "missing_lines", "count": 2},
    {"operation": "batches.run", "kind": "expire", "fraction": 0.5, "skip": 1},
    {"operation": "requests", "kind": "answer", "status": 500, "match": {"custom_id": ":3$"}},
    {"operation": "files.content", "kind": "truncate", "ending": "clean"},
)


@contextmanager
def job_under_way(pipeline: Pipeline, *faults: dict[str, Any]) -> Iterator[Future[None]]:
    """A job with mixed faults whose first batch is at OpenAI; ends when the job has."""
    control = pipeline.simulator.control
    control.config(batch_seconds=0.5)
    for fault in faults:
        control.fault(**fault)
    job = pipeline.services.processor.create_job(JobRequest("prompt", pipeline.prompts(2 * LARGEST_BATCH)))
    with ThreadPoolExecutor(1) as threads:
        ended = threads.submit(pipeline.services.advance, job.job_id)
        wait_until(lambda: ended.done() or control.billing()["batches"])
        yield ended
        ended.result(timeout=90)
    assert_nothing_lost_or_paid_twice(pipeline, job.job_id)


@pytest.mark.usefixtures("small_batches")
def test_redis_is_killed_and_started_again(start_pipeline: StartPipeline, tmp_path: Path) -> None:
    running = redis_server.start(tmp_path / "redis")
    with ExitStack() as at_end:
        password = urlsplit(running.url).password
        gate = at_end.enter_context(ConnectionGate(running.server.plan.port))
        at_end.callback(running.stop)
        pipeline = start_pipeline(REDIS_URL=f"redis://:{password}@127.0.0.1:{gate.port}/0", BATCHGEN_LEASE_S=1)
        with job_under_way(pipeline, *MIXED):
            psutil.Process(running.server.process.pid).kill()
            wait_until(lambda: gate.refused)
            started = servers.start(running.server.plan)
            at_end.callback(started.stop)


@pytest.mark.usefixtures("small_batches")
def test_s3_is_away_for_a_while(start_pipeline: StartPipeline, s3_gate: ConnectionGate) -> None:
    pipeline = start_pipeline(AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{s3_gate.port}", BATCHGEN_LEASE_S=1)
    with job_under_way(pipeline, *MIXED):
        s3_gate.cut()
        wait_until(lambda: s3_gate.refused > 4)
        s3_gate.let_pass()


@pytest.mark.usefixtures("small_batches")
def test_openai_is_away_for_a_while(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(BATCHGEN_LEASE_S=1)
    data_dir, port = pipeline.folder / "simulator", urlsplit(pipeline.simulator.base_url).port or 0
    with ExitStack() as at_end:
        away, gate = at_end.enter_context(openai_through_gate(pipeline))
        # A simulator that is started again has forgotten its faults, and how many lines it was told to leave out.
        with job_under_way(away, *(fault for fault in MIXED if fault["kind"] != "missing_lines")):
            to_come = [fault for fault in away.simulator.control.faults() if not fault["fired"]]
            away.simulator.stop()
            wait_until(lambda: gate.refused)
            away.simulator = at_end.enter_context(SimulatorServer(data_dir=data_dir, port=port))
            for fault in to_come:
                away.simulator.control.fault(**{name: fault[name] for name in fault if name != "fired"})
