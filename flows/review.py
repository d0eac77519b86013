"""Review: READY_FOR_REVIEW → COMPLETED, PENDING (next iteration), EXHAUSTED, as a person decides.

In a deployment the run is suspended until somebody fills in the form; that frees the worker and outlives restarts. In a
plain Python call it is paused, and its process waits.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

from prefect import flow, get_run_logger, pause_flow_run, suspend_flow_run, task
from prefect.context import FlowRunContext
from prefect.input import RunInput
from pydantic import ConfigDict, Field

from batchgen.errors import BatchBusy, DecisionRefused, UsageError
from batchgen.models import Batch
from batchgen.services import Services
from batchgen.stages.decision import Action
from flows.artifacts import show_jobs, show_report
from flows.events import announcements
from flows.parameters import IterationNumber, RecordIds, Text, either
from flows.report import escape, overview, report
from flows.run import TASK_OPTIONS, deployment_id, run_services

Decision = Literal["approve", "retry", "reject"]
DecisionOrNone = Annotated[Decision | None, either({"enum": list(get_args(Decision))}, "decision", "ask a person")]
PAUSE_S = 24 * 60 * 60
"""How long a review waits in a plain Python call: Prefect's pauses must end some day."""

_MORE = "Samples of accepted and refused answers, beside their input, stand under Artifacts."
_KEY = re.compile(r"iteration-(\d+)-question-(\d+)")


class ReviewForm(RunInput):
    """What a reviewer fills in. Nothing is decided by an empty form."""

    model_config = ConfigDict(extra="forbid")

    decision: Decision = Field(
        description="approve: what is accepted stands. retry: send records back with your note. "
        "reject: refuse records; the others, if any, stand."
    )
    reviewer: str = Field(min_length=1, max_length=200, pattern=r"\S", description="Your name, for the manifest.")
    note: str = Field(
        default="", max_length=10_000, description="Why. With retry the model reads it: say what shall be different."
    )
    records: list[str] = Field(
        default=[],
        description="Ids of the records to send back or to reject, with reject also of single parts as the report "
        "names them, for example tests. None: all records.",
    )
    where: str = Field(
        default="",
        max_length=2_000,
        description="Instead of records: an expression over the fields of the output, for example title|length > 80. "
        "The decision is about the accepted records of which it is true.",
    )


@task(name="decide", task_run_name="{decision} {batch_id}", **TASK_OPTIONS)
def decide(
    batch_id: str,
    decision: Decision,
    reviewer: str,
    note: str,
    records: list[str] | None,
    where: str | None,
    iteration: int | None,
) -> str:
    """Carry out a reviewer's decision; returns the batch's status."""
    with run_services() as services:
        batch = services.reviewer.decide(
            batch_id,
            Action(decision),
            reviewer=reviewer,
            note=note,
            record_ids=records,
            where=where,
            iteration=iteration,
        )
        return batch.status.value


@flow(name="review")
def review(
    batch_id: str,
    iteration: IterationNumber = None,
    decision: DecisionOrNone = None,
    reviewer: str = "",
    note: str = "",
    records: RecordIds = (),
    where: Text = "",
) -> str:
    """Ask a person about a batch and carry out what they decide.

    Args:
        batch_id: A batch that is READY_FOR_REVIEW.
        iteration: Refuse the decision if the batch has moved on from this iteration.
        decision: Given here, nobody is asked.
        reviewer: Who decided, where the decision is given here.
        note: Why, where the decision is given here.
        records: Ids of the records (with reject also of their parts), where the decision is given here. Empty: all.
        where: Instead of records, an expression over the fields of the output, where the decision is given here.
    """
    if decision and not reviewer.strip():
        raise UsageError("The decision names no reviewer.", "Say who decided: it stands in the manifest.")
    with run_services() as services:
        if decision:
            named = [*records] if records else None
            status = decide(batch_id, decision, reviewer, note, named, where or None, iteration)
        else:
            status = _ask(services, batch_id, iteration)
        with announcements(services) as told:
            told.add(batch_id, status)
        show_jobs(services, [batch_id])
        return status


def _ask(services: Services, batch_id: str, iteration: int | None) -> str:
    """Ask until a decision can be carried out; returns the batch's status then.

    A suspended run starts again from the top when it is resumed. The keys of its pauses tell which question was
    answered last, and about which iteration; the questions before it were refused.
    """
    asked = _questions_asked()
    about, question = asked[-1] if asked else (iteration or services.ids.get(batch_id).iteration, 1)
    problem = ""
    while True:
        batch = services.ids.get(batch_id)
        if not batch.waits_for_review_of(about):
            get_run_logger().info("The batch does not wait for this review (any more): it is %s.", batch.status)
            return batch.status.value
        if (about, question) not in asked:
            show_report(batch, report(services, batch))
        get_run_logger().info("Waiting for your decision: menu ⋮ at the top right, Resume. Samples: Artifacts.")
        form = _answer(services, batch, question, problem)
        try:
            named = form.records or None, form.where.strip() or None
            return decide(batch_id, form.decision, form.reviewer.strip(), form.note, *named, about)
        except (DecisionRefused, BatchBusy) as refused:
            problem = str(refused)
            get_run_logger().warning("Asking again: %s", problem)
            question += 1


def _questions_asked() -> list[tuple[int, int]]:
    """The (iteration, question) pairs that this run was suspended for before this start of it, in their order."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return []
    found = (_KEY.fullmatch(key) for key in context.flow_run.empirical_policy.pause_keys or ())
    return sorted((int(match[1]), int(match[2])) for match in found if match)


def _answer(services: Services, batch: Batch, question: int, problem: str) -> ReviewForm:
    """The answer to a question; where it is not there yet, a deployed run ends here until it is resumed."""
    parts = [f"**Nothing was decided: {escape(problem)}**"] if problem else []
    parts += [overview(batch, source=services.ids.get_job(batch.job_id).source), _MORE]
    form = ReviewForm.with_initial_data(description="\n\n".join(parts))
    key = f"iteration-{batch.iteration}-question-{question}"
    if deployment_id() is None:
        return pause_flow_run(wait_for_input=form, timeout=PAUSE_S, key=key)
    return suspend_flow_run(wait_for_input=form, timeout=None, key=key)
