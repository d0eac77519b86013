"""What a reviewer sees of a batch, as Markdown: counts, reasons, price, samples beside their input."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from batchgen.models import Batch, StoredObject
from batchgen.money import dollars
from batchgen.services import Services
from batchgen.stages.publication import read_report

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")
_FENCE = "~~~~~~"
_SHOWN_CHARACTERS = 1_500
_SHOWN_LINKS = 12


def report(services: Services, batch: Batch) -> str:
    """The whole report of a batch that waits for its review."""
    content = read_report(services.uploads, batch)
    parts = [overview(batch, source=services.ids.get_job(batch.job_id).source)]
    if content.get("highlights"):
        parts.append("\n".join(f"- {escape(line)}" for line in content["highlights"]))
    for title, samples in (("Accepted", content["accepted_samples"]), ("Not accepted", content["rejected_samples"])):
        if samples:
            parts += [f"## {title}: samples", *(_sample(sample) for sample in samples)]
    return "\n\n".join(parts)


def overview(batch: Batch, *, source: str) -> str:
    """Counts, reasons, price and links: what fits above a form."""
    price = f"${dollars(batch.cost_usd)}" + (" (simulated: nothing was paid)" if batch.simulated else "")
    counts = f"{batch.accepted:,} of {batch.records:,} records accepted"
    what = (
        f"Batch {escape(batch.batch_id)}, iteration {batch.iteration}: {escape(batch.data_type)} "
        f"from {escape(source)}, model {escape(batch.model)}. Price so far: {price}."
    )
    parts = [what, f"**{counts}**, {batch.refused:,} refused, {batch.failed:,} failed."]
    if batch.reasons:
        rows = [f"| {escape(reason)} | {count:,} |" for reason, count in sorted(batch.reasons.items())]
        parts.append("\n".join(["| not accepted because | records |", "|---|---|", *rows]))
    for decision in batch.decisions:
        note = f": {escape(decision.note)}" if decision.note else ""
        parts.append(f"Iteration {decision.iteration}: {escape(decision.reviewer)} decided {decision.action}{note}")
    parts.append(links(batch.objects))
    return "\n\n".join(parts)


def links(objects: Sequence[StoredObject]) -> str:
    """Where the first objects can be opened."""
    shown = [f"[{stored.key.rsplit('/', 1)[-1]}]({stored.url})" for stored in objects[:_SHOWN_LINKS]]
    if len(objects) > _SHOWN_LINKS:
        shown.append(f"{len(objects) - _SHOWN_LINKS:,} more")
    return " · ".join(shown)


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _sample(sample: dict[str, Any]) -> str:
    lines = [f"### {escape(str(sample['record_id']))}"]
    if sample.get("reason"):
        lines.append(f"{escape(sample['reason'])}: {escape(str(sample.get('detail') or ''))}")
    lines += ["Input", _block(sample["input"]), "Answer", _block(sample["output"])]
    return "\n\n".join(lines)


def _block(value: Any) -> str:
    """A fenced block, which no content can leave."""
    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "…"
    return f"{_FENCE}\n{text.replace(_FENCE, '~ ~ ~')}\n{_FENCE}"
