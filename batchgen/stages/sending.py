"""What marks an OpenAI batch as one sending of one of our batches, and whether Redis still knows of all sendings."""

from __future__ import annotations

from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch

BATCH_ID = "batchgen_batch_id"
"""The field of an OpenAI batch's metadata that names ours."""


def metadata(batch: Batch) -> dict[str, str]:
    """The metadata of the OpenAI batch that this sending makes, and no other."""
    return {
        BATCH_ID: batch.batch_id,
        "batchgen_iteration": str(batch.iteration),
        "batchgen_send": str(batch.current.send),
        "batchgen_fingerprint": batch.current.requests_sha256,
    }


def file_name(batch: Batch) -> str:
    """The name of the input file at OpenAI."""
    return f"{batch.batch_id}.{batch.iteration}.{batch.current.requests_sha256[:16]}.jsonl"


def is_ahead(manifest: Batch, batch: Batch) -> bool:
    """Whether a manifest tells of something that was judged or decided, and that Redis does not know of."""
    if len(manifest.decisions) > len(batch.decisions) or manifest.iteration > batch.iteration:
        return True
    return manifest.iteration == batch.iteration and (
        manifest.status is not BatchStatus.PENDING and batch.status is BatchStatus.PENDING
    )


def was_sent_on(batch: Batch, manifest: Batch) -> bool:
    """Whether a later iteration than the batch's was sent: to judge this one again would send that one again."""
    return any(each.number > batch.iteration and each.send for each in manifest.iterations)


def was_decided_or_sent_on(batch: Batch, manifest: Batch) -> bool:
    """Whether a person has decided since, too: to judge this one again would undo the decision."""
    return len(manifest.decisions) > len(batch.decisions) or was_sent_on(batch, manifest)


def with_intent_of(manifest: Batch, batch: Batch) -> Batch:
    """The batch with the sending that only its manifest knows: written just before a crash, or Redis is older."""
    if manifest.iteration != batch.iteration or manifest.current.send <= batch.current.send:
        return batch
    return batch.model_copy(update={"iterations": (*batch.iterations[:-1], manifest.current)})
