"""A worker dies by `kill -9` at each of its effects in turn: the job still ends as if nothing had happened.

Killed with the answer to one effect in hand, or before the next: that leaves the same world behind, so each effect is
killed after, and the first one before as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from batchgen.local.s3_server import S3Access
from faults.crash_runs import CrashRun, CrashRuns
from faults.effects import CrashPoint, Side
from faults.final_state import differences, surplus_uploads
from faults.interrupted_job import write_source

LANES = 4
LEAST_EFFECTS = 50
"""Fewer would mean that the watch sees only a part."""
pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True, slots=True)
class Campaign:
    """The run without a crash, and one for each crash point."""

    undisturbed: CrashRun
    points: tuple[CrashPoint, ...]
    runs: tuple[CrashRun, ...]


@pytest.fixture(scope="module")
def campaign(own_redis_url: str, own_s3: S3Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    """All runs."""
    folder = tmp_path_factory.mktemp("crashes")
    with CrashRuns(own_redis_url, own_s3, write_source(folder), folder, lanes=LANES) as crashes:
        crashes.run(None)  # loads the scripts into Redis, so that no later run has to
        undisturbed = crashes.run(None)
        points = _points_to_test(undisturbed.points)
        with ThreadPoolExecutor(LANES) as threads:
            yield Campaign(undisturbed, points, tuple(threads.map(crashes.run, points)))


def _points_to_test(passed: tuple[CrashPoint, ...]) -> tuple[CrashPoint, ...]:
    return passed[:1] + tuple(point for point in passed if point.side is Side.AFTER and not _is_one_more_lease(point))


def _is_one_more_lease(point: CrashPoint) -> bool:
    """Every step takes and returns the lease; nothing but the time left differs from one to the next."""
    return " lease:" in point.effect.label and point.effect.occurrence > 1


def test_the_watch_sees_every_service_and_stage(campaign: Campaign) -> None:
    labels = {point.effect.label for point in campaign.points}
    assert len(campaign.points) > LEAST_EFFECTS
    for service in ("Redis SET", "Redis CREATE_JOB", "Redis WRITE_BATCH", "S3 PUT", "S3 COPY", "OpenAI POST"):
        assert any(label.startswith(service) for label in labels), service


def test_nearly_every_crash_happens(campaign: Campaign) -> None:
    """A look at OpenAI more or less can move the last occurrences of an effect out of reach; no more than that."""
    missed = [str(run.point) for run in campaign.runs if not run.killed]
    assert len(missed) <= len(campaign.points) // 20, missed


def test_whatever_the_crash_the_job_ends_as_if_it_had_not_happened(campaign: Campaign) -> None:
    wrong = {str(run.point): differences(run.state, campaign.undisturbed.state) for run in campaign.runs}
    wrong = {point: found for point, found in wrong.items() if found}
    assert not wrong, _told(wrong)


def test_whatever_the_crash_no_batch_file_is_left_at_openai(campaign: Campaign) -> None:
    wrong = {str(run.point): surplus_uploads(run.state, campaign.undisturbed.state) for run in campaign.runs}
    wrong = {point: found for point, found in wrong.items() if found}
    assert not wrong, _told(wrong)


def _told(wrong: dict[str, list[str]]) -> str:
    return "\n".join(f"killed {point}:\n  " + "\n  ".join(found) for point, found in wrong.items())
