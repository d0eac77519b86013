"""What holds of a deployed installation: how its jobs go on, what survives a crash, who decides, what it keeps secret.

Its schedules are paused but where a test says otherwise; each step is a process of its own, so all jobs start at once.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
import pytest
from deployed import Deployed, until
from prefect.client.schemas.actions import BlockDocumentUpdate, DeploymentScheduleCreate
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import IntervalSchedule

from batchgen.lifecycle import BatchStatus
from batchgen.local import Part, processes
from batchgen.local.state_file import StateFile
from batchgen.models import Batch
from batchgen.services import Services
from batchgen.simulator import SimulatorControl
from batchgen.stages.intake import JobRequest

from .switches import STAGES, drop_planned_runs, stages_in_turn, without_schedules, without_triggers
from .traces import all_traces, kinds_with, places_of

pytestmark = pytest.mark.timeout(300)

WAITING = ("invalid", "at-once", "elsewhere", "restart")
"""Jobs that are brought to their review without Prefect."""
WAYS = ("way-called", "way-manual", "way-timely")
"""Jobs of one source, started in three ways; names of one length, so that sizes are the same."""

CALL = """
import sys, orjson, flows
source, job = sys.argv[1:]
flows.generate("prompt", source, job=job, max_retries=1, review="approve")
"""
"""What a Python program does; deployed runs get the same parameters."""


@pytest.fixture(scope="module", autouse=True)
def jobs(deployed: Deployed) -> Iterator[None]:
    """Start all jobs that no test has to start itself."""
    with without_schedules(deployed):
        for job in WAYS:
            fail_first(deployed, job, row=1)
        bring_to_review(deployed, *WAITING)
        drop_planned_runs(deployed)
        with generated_three_ways(deployed):
            deployed.start("process/process")
            yield


def fail_first(deployed: Deployed, job: str, row: int) -> None:
    """Have OpenAI fail on a record of a job's first batch, once."""
    answer(deployed, job, row, status=500)


def answer(deployed: Deployed, job: str, row: int, **answered: Any) -> None:
    """Have OpenAI answer a record of a job's first batch so."""
    control = SimulatorControl(deployed.environment["OPENAI_BASE_URL"])
    control.fault("requests", "answer", match={"custom_id": f"^{job}-0001:{row}$"}, **answered)


def bring_to_review(deployed: Deployed, *names: str) -> None:
    with deployed.services() as services:
        for name in names:
            record(deployed, services, name)
        for name in names:
            services.advance(name)


def record(deployed: Deployed, services: Services, job: str) -> None:
    """Record a job and send nothing."""
    services.processor.create_job(JobRequest("prompt", deployed.prompts(2), name=job))


@contextmanager
def generated_three_ways(deployed: Deployed) -> Iterator[None]:
    source = deployed.prompts(4)
    for job in WAYS:
        answer(deployed, job, 2, refusal="No.", times="always")
    called, manual, timely = WAYS
    given: dict[str, Any] = {"data_type": "prompt", "source": source, "max_retries": 1}
    deployed.start(**given, job=manual)
    with in_python(deployed, CALL, source, called) as process, deployed.client() as client:
        generate = client.read_deployment_by_name("generate/generate")
        soon = datetime.now(UTC) + timedelta(seconds=20)  # the server plans a new schedule within 10 s
        minutely = IntervalSchedule(interval=timedelta(minutes=1), anchor_date=soon)
        schedule = DeploymentScheduleCreate(schedule=minutely, active=True, parameters={**given, "job": timely})
        client.create_deployment_schedules(generate.id, [schedule])
        client.resume_deployment(generate.id)  # what has changed itself is planned first
        yield
        assert process.wait() == 0


@contextmanager
def in_python(deployed: Deployed, *command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python program that runs beside the test."""
    process = subprocess.Popen(
        [sys.executable, "-c", *command], env={**os.environ, **deployed.environment, **environment}
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_form_that_is_not_right_decides_nothing(deployed: Deployed) -> None:
    run = deployed.open_review("invalid")
    for wrong in (
        {},
        {"reviewer": "Ada"},
        {"decision": "approve"},
        {"decision": "maybe", "reviewer": "Ada"},
        {"decision": "approve", "reviewer": "Ada", "colour": "red"},
    ):
        assert deployed.resume(run, **wrong) == "REJECT"
    assert deployed.run(run.id).state_name == "Suspended"

    assert deployed.resume(run, decision="retry", reviewer="Ada", records=["p0", "nobody"]) == "ACCEPT"
    again = until(lambda: asked_again(deployed, run), "a second question")
    assert "Nothing was decided" in question(deployed, again)
    assert "it holds no records nobody" in question(deployed, again)
    assert (deployed.batch("invalid").status, deployed.batch("invalid").decisions) == ("READY_FOR_REVIEW", ())

    assert deployed.resume(again, decision="approve", reviewer="Ada") == "ACCEPT"
    (decision,) = completed(deployed, "invalid").decisions
    assert (decision.action, decision.reviewer) == ("approve", "Ada")


def asked_again(deployed: Deployed, run: FlowRun) -> FlowRun | None:
    now = deployed.run(run.id)
    asked = now.empirical_policy.pause_keys or set()
    return now if now.state_name == "Suspended" and len(asked) > 1 else None


def question(deployed: Deployed, run: FlowRun) -> str:
    """What stands above the form of a suspended review."""
    assert run.state is not None
    keys = run.state.state_details.run_input_keyset
    assert keys is not None
    with deployed.client() as client:
        return str(client.read_flow_run_input(run.id, keys["description"]))


def ended(deployed: Deployed, run: FlowRun) -> FlowRun:
    """A run once it has ended, which must be well."""

    def final() -> FlowRun | None:
        now = deployed.run(run.id)
        return now if now.state is not None and now.state.is_final() else None

    now = until(final, f"an end of {run.name}")
    assert now.state_name == "Completed", now.state
    return now


def completed(deployed: Deployed, job: str) -> Batch:
    """The only batch of a job once it is COMPLETED."""
    return in_status(deployed, job, BatchStatus.COMPLETED)


def in_status(deployed: Deployed, job: str, status: BatchStatus) -> Batch:
    def there() -> Batch | None:
        batch = deployed.batch(job)
        return batch if batch.status is status else None

    return until(there, f"a batch of {job} that is {status}")


def test_of_two_decisions_at_once_one_is_carried_out(deployed: Deployed) -> None:
    run = deployed.open_review("at-once")
    batch_id = deployed.batch("at-once").batch_id
    command = [sys.executable, "-m", "batchgen.cli", "review", batch_id, "--reject"]
    with subprocess.Popen(
        command, env={**os.environ, **deployed.environment}, stderr=subprocess.PIPE, text=True
    ) as rejection:
        assert deployed.resume(run, decision="approve", reviewer="Ada") == "ACCEPT"
        _, said = rejection.communicate()
    ended(deployed, run)
    batch = deployed.batch("at-once")
    (decision,) = batch.decisions
    if decision.action == "approve":
        assert batch.status is BatchStatus.COMPLETED
        assert rejection.returncode == 2
        assert "Ada decided it already (approve" in said
    else:
        assert batch.status is BatchStatus.EXHAUSTED
        assert rejection.returncode == 1
        told = "does not wait for this review (any more): it is EXHAUSTED"
        until(lambda: told in log_of(deployed, run), "a line in its log that tells")  # which is sent behind the state

    too_late = deployed.command("review", batch_id, "--approve")
    assert too_late.returncode == 2
    assert f"decided it already ({decision.action}" in too_late.stderr
    assert deployed.batch("at-once") == batch


def log_of(deployed: Deployed, run: FlowRun) -> str:
    """All that a run has logged."""
    with deployed.client() as client:
        logs = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id])))
    return "\n".join(log.message for log in logs)


def test_a_batch_decided_elsewhere_ends_its_review(deployed: Deployed) -> None:
    run = deployed.open_review("elsewhere")
    decided = deployed.command("review", deployed.batch("elsewhere").batch_id, "--approve")
    assert decided.returncode == 0, decided.stderr
    deployed.start("process/process")
    state = ended(deployed, run).state
    assert state is not None
    assert state.message == "The batch was decided elsewhere."


def test_triggers_alone_bring_a_job_to_its_review(deployed: Deployed) -> None:
    _, manual, _ = WAYS
    deployed.open_review(manual, iteration=2)
    batch = deployed.batch(manual)
    by_schedule = [run.expected_start_time for run in runs_of(deployed, *STAGES) if run.auto_scheduled]
    assert not [due for due in by_schedule if due is None or due > batch.created_at]
    assert (batch.status, batch.accepted) == ("READY_FOR_REVIEW", 3)


def runs_of(deployed: Deployed, *names: str) -> list[FlowRun]:
    """The runs of deployments."""
    ids = [deployment.id for deployment in deployed.deployments(*names)]
    with deployed.client() as client:
        wanted = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=ids))
        return client.read_flow_runs(flow_run_filter=wanted)


def test_a_call_a_manual_run_and_a_schedule_bring_the_same(deployed: Deployed) -> None:
    called, manual, timely = WAYS
    for job in (manual, timely):
        review = deployed.open_review(job, iteration=2)
        assert deployed.resume(review, decision="approve", reviewer="python") == "ACCEPT"
    delete_schedules(deployed, "generate")
    batches = {job: completed(deployed, job) for job in WAYS}
    assert {(batch.accepted, batch.refused, batch.iteration) for batch in batches.values()} == {(3, 1, 2)}
    assert any(run.auto_scheduled for run in runs_of(deployed, "generate"))

    public = {job: objects(deployed, batch) for job, batch in batches.items()}
    assert public[called]["results.jsonl"].count(b"\n") == 3
    for name in ("results.jsonl", "rejected.jsonl"):
        assert public[called][name] == public[manual][name] == public[timely][name]
    for told in (
        {job: public[job]["report.json"] for job in WAYS},
        {job: manifest(deployed, batch) for job, batch in batches.items()},
        {job: table(deployed, job) for job in WAYS},
    ):
        assert comparable(told[called], called) == comparable(told[manual], manual) == comparable(told[timely], timely)


def delete_schedules(deployed: Deployed, name: str) -> None:
    (deployment,) = deployed.deployments(name)
    with deployed.client() as client:
        for schedule in deployment.schedules:
            client.delete_deployment_schedule(deployment.id, schedule.id)


def objects(deployed: Deployed, batch: Batch) -> dict[str, bytes]:
    """The public objects of a batch, by the last part of their names."""
    with deployed.services() as services:
        return {stored.key.rsplit("/", 1)[-1]: services.uploads.read(stored.key) for stored in batch.objects}


def manifest(deployed: Deployed, batch: Batch) -> bytes:
    with deployed.services() as services:
        return services.uploads.read(f"state/{batch.batch_id}/manifest.json")


def table(deployed: Deployed, job: str) -> bytes:
    """The table of a job in the Prefect UI and what stands above it, once it tells the end."""
    key = ArtifactFilter(key=ArtifactFilterKey(any_=[f"job-{job}"]))

    def told() -> bytes | None:
        with deployed.client() as client:
            (artifact,) = client.read_artifacts(artifact_filter=key)
        content = orjson.dumps([orjson.loads(str(artifact.data)), artifact.description])
        return content if b"COMPLETED" in content else None

    return until(told, f"a table of {job} that tells its end")


def comparable(document: bytes, job: str) -> Any:
    """What is told of a job without its name, times, estimate, ids of OpenAI, and fingerprints of what holds these."""
    return without_what_must_differ(orjson.loads(document.replace(job.encode(), b"JOB")))


MUST_DIFFER = {
    "estimate",  # made from the lengths of earlier answers
    "created_at",
    "updated_at",
    "decided_at",
    "sent_at",
    "settled_at",
    "upload_began_at",
    "input_file_id",
    "output_file_id",
    "error_file_id",
    "openai_batch_id",
    "requests_sha256",
}


def without_what_must_differ(value: Any) -> Any:
    if isinstance(value, list):
        return [without_what_must_differ(each) for each in value]
    if not isinstance(value, dict):
        return value
    of_names = str(value.get("key")).endswith("report.json") or value.keys() == {"count", "sha256"}
    differing = MUST_DIFFER | ({"sha256"} if of_names else set())
    return {name: without_what_must_differ(each) for name, each in value.items() if name not in differing}


def test_schedules_alone_bring_a_job_to_its_review(deployed: Deployed) -> None:
    with without_triggers(deployed), stages_in_turn(deployed):
        with deployed.services() as services:
            record(deployed, services, "scheduled")
        deployed.open_review("scheduled")
    assert deployed.batch("scheduled").status is BatchStatus.READY_FOR_REVIEW


def test_what_was_going_on_goes_on_after_a_crash(deployed: Deployed) -> None:
    waiting = deployed.open_review("restart")
    with deployed.services() as services:
        record(deployed, services, "crashed")
        SimulatorControl(deployed.environment["OPENAI_BASE_URL"]).fault("batches.run", "slow", seconds=15)
        services.processor.submit("crashed-0001")
    killed = deployed.start("check/check", job_id="crashed", until_moved=True)
    until(lambda: deployed.run(killed.id).state_name == "Running", "a check under way")

    for part in (Part.WORKER, Part.PREFECT):
        kill(deployed, part)
    assert Deployed(deployed.state_dir, only_state(deployed)).command("up", "--worker").returncode == 0

    assert deployed.resume(waiting, decision="approve", reviewer="Ada") == "ACCEPT"
    deployed.start("check/check")
    assert completed(deployed, "restart").accepted == 2
    assert ended(deployed, waiting).id == waiting.id
    assert [run.id for run in deployed.reviews("restart")] == [waiting.id]
    lines = objects(deployed, deployed.batch("restart"))["results.jsonl"].splitlines()
    assert [orjson.loads(line)["record_id"] for line in lines] == ["p0", "p1"]
    deployed.open_review("crashed")


def kill(deployed: Deployed, part: Part) -> None:
    """End a server and all that it has started, without a word."""
    process = StateFile(deployed.state_dir / "stack" / "stack.json").records()[part].process
    assert process is not None
    members = processes.family(process)
    for member in members:
        member.kill()
    until(lambda: not processes.family(process), f"an end of {part}")


def only_state(deployed: Deployed) -> dict[str, str]:
    """The environment of a shell that knows where the stack is, and not its addresses."""
    return {name: deployed.environment[name] for name in ("BATCHGEN_STATE_DIR", "BATCHGEN_ENV_FILE")}


def test_no_secret_is_found_anywhere(deployed: Deployed) -> None:
    before = deployed.environment["OPENAI_API_KEY"]
    right, wrong = (f"{kind}/{secrets.token_urlsafe(24)}+=" for kind in ("sk-right", "sk-wrong"))
    redis_wrong, s3_wrong = f"r/{secrets.token_urlsafe(24)}", f"s/{secrets.token_urlsafe(24)}"
    redis_url = urlsplit(deployed.environment["REDIS_URL"])
    denied_redis = redis_url._replace(netloc=f":{quote(redis_wrong, safe='')}@{redis_url.hostname}:{redis_url.port}")
    failing = [
        failing_call(deployed, "failing-redis.log", REDIS_URL=denied_redis.geturl()),
        failing_call(deployed, "failing-s3.log", AWS_SECRET_ACCESS_KEY=s3_wrong),
    ]
    try:
        rotate(deployed, wrong)
        refused = deployed.start(data_type="prompt", source=deployed.prompts(2), job="secret")
        state = until(lambda: failed(deployed, refused), "a refused key")
        assert "OpenAI refused the credentials" in state
        rotate(deployed, right)
        deployed.start("submit/submit")
        assert deployed.resume(deployed.open_review("secret"), decision="approve", reviewer="Ada") == "ACCEPT"
        completed(deployed, "secret")
    finally:
        rotate(deployed, before)
        codes = [process.wait() for process in failing]
    assert codes == [2, 2]
    assert "Redis refused the credentials" in (deployed.state_dir / "failing-redis.log").read_text()
    assert "S3 refused the credentials" in (deployed.state_dir / "failing-s3.log").read_text()

    traces = list(all_traces(deployed))
    assert kinds_with("secret-0001", traces) >= {
        "file",
        "table",
        "redis",
        "s3",
        "run",
        "task",
        "log",
        "artifact",
        "event",
    }
    planted = {
        "right": right,
        "wrong": wrong,
        "Redis": str(redis_url.password),
        "wrong for Redis": redis_wrong,
        "S3": deployed.environment["AWS_SECRET_ACCESS_KEY"],
        "wrong for S3": s3_wrong,
    }
    assert places_of(planted, traces) == MEANT_TO_HOLD


MEANT_TO_HOLD = {
    "file stack/stack.json": {"Redis", "S3"},  # so that data and clients outlive a restart
    "file stack/redis/redis.conf": {"Redis"},  # what the server asks clients for
    "file stack/s3/identities.json": {"S3"},  # the same
}
"""Files for this user alone. The blocks hold all of them, too, encrypted."""


def rotate(deployed: Deployed, key: str) -> None:
    """Write another OpenAI key into the block, as its form in the UI does."""
    with deployed.client() as client:
        block = client.read_block_document_by_name("batchgen", "batchgen-openai-credentials")
        client.update_block_document(block.id, BlockDocumentUpdate(data={"api_key": key}))


def failing_call(deployed: Deployed, log: str, **environment: str) -> subprocess.Popen[bytes]:
    """A flow run as `batchgen generate --prefect` starts it, with connections of its own."""
    parameters = deployed.state_dir / f"{log}.json"
    parameters.write_bytes(orjson.dumps({"data_type": "prompt", "source": deployed.prompts(1)}))
    with parameters.open("rb") as given, (deployed.state_dir / log).open("wb") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "flows", "generate"],
            env={**os.environ, **deployed.environment, **environment},
            stdin=given,
            stdout=said,
            stderr=said,
        )


def failed(deployed: Deployed, run: FlowRun) -> str | None:
    """What a failed run says."""
    state = deployed.run(run.id).state
    return str(state.message) if state is not None and state.name == "Failed" else None
