"""Every move a batch may and may not make, as the design's table says it."""

from __future__ import annotations

from itertools import product

import pytest

from batchgen.errors import InvalidTransition
from batchgen.lifecycle import BatchStatus, after_settling, check_transition, has_tries_left, least_advanced

LEGAL = {
    ("PENDING", "PROCESSING"),
    ("PENDING", "FAILED"),
    ("PROCESSING", "PRE_COMPLETED"),
    ("PROCESSING", "FAILED"),
    ("FAILED", "PRE_COMPLETED"),
    ("FAILED", "PENDING"),
    ("FAILED", "EXHAUSTED"),
    ("PRE_COMPLETED", "READY_FOR_REVIEW"),
    ("PRE_COMPLETED", "PENDING"),
    ("PRE_COMPLETED", "EXHAUSTED"),
    ("PRE_COMPLETED", "FAILED"),
    ("READY_FOR_REVIEW", "COMPLETED"),
    ("READY_FOR_REVIEW", "PENDING"),
    ("READY_FOR_REVIEW", "EXHAUSTED"),
}
PAIRS = sorted(product(BatchStatus, BatchStatus))


@pytest.mark.parametrize(("before", "after"), [pair for pair in PAIRS if pair in LEGAL])
def test_a_legal_move_is_allowed(before: BatchStatus, after: BatchStatus) -> None:
    check_transition(before, after)


@pytest.mark.parametrize(("before", "after"), [pair for pair in PAIRS if pair not in LEGAL])
def test_any_other_move_is_refused(before: BatchStatus, after: BatchStatus) -> None:
    with pytest.raises(InvalidTransition, match=f"from {before} to {after}"):
        check_transition(before, after)


def test_both_tables_name_the_same_moves() -> None:
    assert {pair for pair in PAIRS if pair in LEGAL} == LEGAL


@pytest.mark.parametrize(
    ("unresolved", "accepted", "after"),
    [
        (1, 0, "PENDING"),
        (1, 9, "PENDING"),
        (0, 1, "READY_FOR_REVIEW"),
        (0, 0, "EXHAUSTED"),
    ],
)
def test_where_a_batch_goes_once_its_answers_are_judged(unresolved: int, accepted: int, after: str) -> None:
    assert after_settling(unresolved=unresolved, accepted=accepted) == after


@pytest.mark.parametrize(
    ("failed_tries", "max_retries", "left"),
    [(0, 0, True), (1, 0, False), (1, 3, True), (3, 3, True), (4, 3, False)],
)
def test_a_record_has_tries_left_while_they_are_at_most_max_retries(
    failed_tries: int, max_retries: int, *, left: bool
) -> None:
    assert has_tries_left(failed_tries=failed_tries, max_retries=max_retries) is left


def test_a_job_stands_where_its_least_advanced_batch_does() -> None:
    order = ["PENDING", "FAILED", "PROCESSING", "PRE_COMPLETED", "READY_FOR_REVIEW", "EXHAUSTED", "COMPLETED"]
    for place in range(len(order)):
        assert least_advanced([BatchStatus(name) for name in reversed(order[place:])]) == order[place]
