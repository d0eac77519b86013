"""Artifacts in the Prefect UI: a table and a progress bar a job, and the report of each batch that waits for a review.

An artifact is updated in place, so that a day of checks leaves one row of the database and not thousands.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import orjson
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import ArtifactCollectionFilter, ArtifactCollectionFilterKey
from prefect.client.schemas.objects import ArtifactCollection
from prefect.context import FlowRunContext, TaskRunContext

from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch
from batchgen.money import dollars
from batchgen.services import Services
from batchgen.summary import summarize, summarize_batch
from flows.report import escape, links

_COST_COLUMNS = (
    *("iteration", "requests", "answers", "accepted", "input_tokens", "cached_input_tokens", "cache_write_tokens"),
    *("output_tokens", "reasoning_tokens", "cost_usd", "reserved_usd", "baseline_cost_usd", "saving_percent"),
)
_NOT_IN_KEYS = re.compile(r"[^a-z0-9]+")


def show_jobs(services: Services, batch_ids: Iterable[str]) -> None:
    """Bring the tables of the jobs of these batches up to date."""
    _put([table for job_id in _jobs(services, batch_ids) for table in _tables(services, job_id)])


def show_job(services: Services, job_id: str) -> None:
    """Bring the table of a job up to date."""
    _put(_tables(services, job_id))


def show_progress(services: Services, batch_ids: Iterable[str]) -> None:
    """Bring the progress bars of the jobs of these batches up to date: how much OpenAI has answered of what it has."""
    _put([_progress(job_id, services.ids.job_batches(job_id)) for job_id in _jobs(services, batch_ids)])


def show_report(batch: Batch, markdown: str) -> None:
    """Store what a reviewer should see, as an artifact of this run."""
    key = artifact_key("review", batch.batch_id)
    description = f"{batch.accepted:,} of {batch.records:,} records accepted, iteration {batch.iteration}"
    _put([ArtifactCreate(key=key, type="markdown", data=markdown, description=description)], renew=True)


def show_estimate(document: dict[str, Any]) -> None:
    """Store what a job would be as an artifact of this run."""
    flow = FlowRunContext.get()
    run = "" if flow is None or flow.flow_run is None else str(flow.flow_run.id)
    rows = [{"figure": name.replace("_", " "), "value": _shown(value)} for name, value in document.items()]
    description = f"**{escape(document['data_type'])}**: nothing was recorded or sent."
    table = orjson.dumps(rows).decode()
    _put([ArtifactCreate(key=artifact_key("estimate", run), type="table", data=table, description=description)])


def _shown(value: Any) -> str:
    if value is None:
        return "unknown"
    return f"{value:,}" if isinstance(value, int) else str(value)


def show_analysis(result: dict[str, Any]) -> None:
    """Store an analysis as an artifact of this run."""
    found = result["analysis"]
    parts = [f"**{escape(found['file'])}**, {found['rows']:,} rows", escape(found["summary"])]
    if found["answer"]:
        parts.append(escape(found["answer"]))
    parts += [_list(title, found[title]) for title in ("findings", "data_quality", "recommendations") if found[title]]
    parts.append(f"[analysis.json]({result['url']})")
    key = artifact_key("analysis", result["analysis_id"])
    _put([ArtifactCreate(key=key, type="markdown", data="\n\n".join(parts), description=found["file"])], renew=True)


def _list(title: str, items: list[str]) -> str:
    return "\n".join([f"## {title.replace('_', ' ').capitalize()}", *(f"- {escape(each)}" for each in items)])


def artifact_key(kind: str, name: str) -> str:
    """A key as Prefect takes it (lower-case letters, digits, dashes), another one for each name."""
    plain = _NOT_IN_KEYS.sub("-", name.lower()).strip("-")
    if plain == name:
        return f"{kind}-{name}"
    return f"{kind}-{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _jobs(services: Services, batch_ids: Iterable[str]) -> list[str]:
    return sorted({services.ids.get(batch_id).job_id for batch_id in batch_ids})


def _tables(services: Services, job_id: str) -> list[ArtifactCreate]:
    return [_job_table(services, job_id), _cost_table(services, job_id)]


def _cost_table(services: Services, job_id: str) -> ArtifactCreate:
    report = services.job_costs(job_id)
    total, baseline = report["total"], report["baseline"]
    each = total["cost_per_accepted_usd"]
    simulated = " (simulated)" if total["simulated"] else ""
    saved = "" if total["saving_percent"] is None else f": {total['saving_percent']} % are saved"
    estimate = services.ids.get_job(job_id).estimate
    before = "" if estimate is None else f" Estimated before it was sent: ${dollars(estimate.cost_usd)}."
    description = (
        f"**{job_id}** cost ${total['cost_usd']}{simulated} so far, for {total['accepted']:,} accepted records"
        f"{'' if each is None else f', ${each} each'}; ${total['reserved_usd']} reserved.{before} "
        f"On {baseline} at the ordinary price the same tokens cost ${total['baseline_cost_usd']}{saved}."
    )
    rows = [{name: row[name] for name in _COST_COLUMNS} for row in report["rows"]]
    table = orjson.dumps(rows).decode()
    return ArtifactCreate(key=artifact_key("costs", job_id), type="table", data=table, description=description)


def _job_table(services: Services, job_id: str) -> ArtifactCreate:
    job, batches = services.job_with_batches(job_id)
    summary = summarize(job, batches)
    price = f"${summary['cost_usd']}" + (" (simulated)" if summary["simulated"] else "")
    description = (
        f"**{job.data_type} {job_id}**: {summary['status']}. {summary['accepted']:,} of {summary['records']:,} records "
        f"accepted, {summary['refused']:,} refused, {summary['failed']:,} failed, {summary['pending']:,} pending. "
        f"Model {job.model}, {price}.\n\n"
    )
    description += links([stored for batch in batches for stored in batch.objects])
    rows = [_row(summarize_batch(batch)) for batch in batches]
    return ArtifactCreate(
        key=artifact_key("job", job_id), type="table", data=orjson.dumps(rows).decode(), description=description
    )


def _row(batch: dict[str, Any]) -> dict[str, Any]:
    decisions = [f"{each['action']} by {each['reviewer']}" for each in batch["decisions"]]
    counts = ("records", "accepted", "refused", "failed")
    return {
        "batch": batch["batch_id"],
        "status": batch["status"],
        "decisions": ", ".join(decisions),
        "iteration": batch["iteration"],
        **{name: batch[name] for name in counts},
        "usd": batch["cost_usd"],
    }


def _progress(job_id: str, batches: list[Batch]) -> ArtifactCreate:
    sent = [batch for batch in batches if batch.current.openai_batch_id is not None]
    asked = sum(batch.current.requests for batch in sent)
    answered = sum(
        batch.current.completed_requests if batch.status is BatchStatus.PROCESSING else batch.current.requests
        for batch in sent
    )
    at_openai = sum(batch.status is BatchStatus.PROCESSING for batch in sent)
    return ArtifactCreate(
        key=artifact_key("progress", job_id),
        type="progress",
        data=round(100 * answered / asked, 1) if asked else 0.0,
        description=f"Job {job_id}: {answered:,} of {asked:,} requests answered; {at_openai} of {len(batches)} batches "
        "at OpenAI.",
    )


def _put(artifacts: list[ArtifactCreate], *, renew: bool = False) -> None:
    """Create these artifacts or, unless they shall be new, update those that exist and differ."""
    if not artifacts:
        return
    with get_client(sync_client=True) as client:
        known: dict[str | None, ArtifactCollection] = {}
        if not renew:
            keys = ArtifactCollectionFilterKey(any_=[artifact.key or "" for artifact in artifacts])
            found = client.read_latest_artifacts(artifact_filter=ArtifactCollectionFilter(key=keys))
            known = {artifact.key: artifact for artifact in found}
        for artifact in artifacts:
            old = known.get(artifact.key)
            if old is None:
                client.create_artifact(_of_this_run(artifact))
            elif (old.data, old.description) != (artifact.data, artifact.description):
                update = ArtifactUpdate(data=artifact.data, description=artifact.description)
                client.update_artifact(old.latest_id, update)


def _of_this_run(artifact: ArtifactCreate) -> ArtifactCreate:
    flow, task = FlowRunContext.get(), TaskRunContext.get()
    run = flow.flow_run if flow is not None else None
    return artifact.model_copy(
        update={"flow_run_id": run.id if run else None, "task_run_id": task.task_run.id if task else None}
    )
