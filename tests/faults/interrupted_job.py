"""A job from its source to its approval, carried on from wherever it stands: as a scheduler and a person would."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
from waiting import wait_until

from batchgen.errors import BatchBusy, LeaseLost
from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch
from batchgen.services import Services
from batchgen.settings import Settings
from batchgen.simulator import Answer, AnswerRequest
from batchgen.simulator.control_client import SimulatorControl
from batchgen.stages.decision import Action
from batchgen.stages.intake import JobRequest

JOB = "interrupted"
RECORDS = 6
SENT_BACK = ("p0", "p1")
_FAILS_ONCE, _FAILS_ALWAYS = ":3", ":4"
_UNFINISHED = frozenset({"validating", "in_progress", "finalizing", "cancelling"})


def answer(request: AnswerRequest) -> Answer:
    """One record fails at first, one always; what is sent back gets another answer."""
    custom_id = request.custom_id or ""
    if custom_id.endswith(_FAILS_ALWAYS) or (custom_id.endswith(_FAILS_ONCE) and request.attempt == 1):
        return Answer(status=500)
    return Answer(f"{custom_id} answered to {len(request.body['messages'])} messages")


def write_source(folder: Path) -> Path:
    """The prompts of the job."""
    path = folder / "prompts.jsonl"
    rows = [{"id": f"p{number}", "prompt": f"Say {number}."} for number in range(RECORDS)]
    path.write_bytes(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
    return path


def carry_on(environment: dict[str, str], source: Path) -> None:
    """Look where the job is and do what comes next, until it is approved."""
    request = JobRequest("prompt", str(source), max_retries=1, name=JOB, max_output_tokens=100, max_cost_usd=Decimal(1))
    with Services(Settings.model_validate(environment)) as services:
        control = SimulatorControl(environment["OPENAI_BASE_URL"])
        wait_until(lambda: _is_done_after_a_step(services, control, request), seconds=60)


def _is_done_after_a_step(services: Services, control: SimulatorControl, request: JobRequest) -> bool:
    try:
        return _step(services, control, request)
    except (BatchBusy, LeaseLost):
        return False  # the dead worker's lease, or our own was lost while the machine was busy: look again


def _step(services: Services, control: SimulatorControl, request: JobRequest) -> bool:
    """Whether the job is done; does one thing for it otherwise."""
    if services.ids.find_job(JOB) is None:
        services.processor.create_job(request)
    [batch] = services.ids.job_batches(JOB)
    match batch.status:
        case BatchStatus.COMPLETED:
            return True
        case BatchStatus.READY_FOR_REVIEW:
            _decide(services, batch)
        case _:
            # A look at a batch that is under way would make each run's effects different.
            wait_until(lambda: not _under_way(control))
            services.advance(JOB, once=True)
    return False


def _decide(services: Services, batch: Batch) -> None:
    decision: dict[str, Any] = {"action": Action.APPROVE}
    if not batch.decisions:
        decision = {"action": Action.RETRY, "record_ids": SENT_BACK, "note": "be brief"}
    services.reviewer.decide(batch.batch_id, reviewer="Ada", **decision)


def _under_way(control: SimulatorControl) -> bool:
    return any(batch["status"] in _UNFINISHED for batch in control.billing()["batches"])
