"""The state machine of a batch: every status, every legal move, and the rules that choose between moves.

Everything that decides a status stands in this file; the stages only carry it out.
"""

from __future__ import annotations

from enum import StrEnum

from batchgen.errors import InvalidTransition


class BatchStatus(StrEnum):
    """Where a batch stands on its way, in the order from least to most advanced."""

    PENDING = "PENDING"
    """Requests are ready and wait to be sent (or sent again)."""
    FAILED = "FAILED"
    """OpenAI refused the batch as a whole, or a step of ours failed for good; what is stored stays."""
    PROCESSING = "PROCESSING"
    """OpenAI has it."""
    PRE_COMPLETED = "PRE_COMPLETED"
    """OpenAI is done; the answers wait to be judged."""
    READY_FOR_REVIEW = "READY_FOR_REVIEW"
    """Judged and stored; a person decides."""
    EXHAUSTED = "EXHAUSTED"
    """Nothing was accepted and no tries are left."""
    COMPLETED = "COMPLETED"
    """A person approved it."""


_S = BatchStatus

TRANSITIONS: dict[BatchStatus, frozenset[BatchStatus]] = {
    _S.PENDING: frozenset({_S.PROCESSING, _S.FAILED}),
    _S.PROCESSING: frozenset({_S.PRE_COMPLETED, _S.FAILED}),
    _S.FAILED: frozenset({_S.PRE_COMPLETED, _S.PENDING, _S.EXHAUSTED}),
    _S.PRE_COMPLETED: frozenset({_S.READY_FOR_REVIEW, _S.PENDING, _S.EXHAUSTED, _S.FAILED}),
    _S.READY_FOR_REVIEW: frozenset({_S.COMPLETED, _S.PENDING, _S.EXHAUSTED}),
    _S.COMPLETED: frozenset(),
    _S.EXHAUSTED: frozenset(),
}

ADVANCEMENT: tuple[BatchStatus, ...] = tuple(BatchStatus)
"""From least to most advanced; a job shows the status of its least advanced batch."""

MAX_PROCESSING_TRIES = 3
"""How often paid answers are processed again after a step failed; then the batch stays FAILED."""

DRY_ITERATIONS_LIMIT = 2
"""So many iterations running without one new answer count as a failed try of what was asked."""


def check_transition(before: BatchStatus, after: BatchStatus) -> None:
    """Raise InvalidTransition unless the table holds the move."""
    if after not in TRANSITIONS[before]:
        raise InvalidTransition(before, after)


def after_settling(*, unresolved: int, accepted: int) -> BatchStatus:
    """Where a batch goes once every answer is judged: records left to send, records accepted so far."""
    if unresolved:
        return BatchStatus.PENDING
    return BatchStatus.READY_FOR_REVIEW if accepted else BatchStatus.EXHAUSTED


def has_tries_left(*, failed_tries: int, max_retries: int) -> bool:
    """Whether a record that failed so often may be sent again; max_retries 0: never."""
    return failed_tries <= max_retries


def least_advanced(statuses: list[BatchStatus]) -> BatchStatus:
    """The status a job shows for its batches (at least one)."""
    return min(statuses, key=ADVANCEMENT.index)
