"""Turns off for a while one of the two ways in which a deployed installation goes on: schedules or triggers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from deployed import Deployed
from prefect.client.schemas.schedules import IntervalSchedule

STAGES = ("submit", "check", "process")
_DEPLOYMENTS = ("generate", *STAGES, "review")
_PLANNED_WITHIN_S = 8
"""The server looks for new schedules every 5 s."""
_BETWEEN_STAGES_S = 8
"""A stage takes about 4 s, most of it the start of its process."""


@contextmanager
def without_schedules(deployed: Deployed) -> Iterator[None]:
    """No schedule starts anything, but for what the server was about to plan: see `drop_planned_runs`."""
    _set_schedules(deployed, active=False)
    try:
        yield
    finally:
        _set_schedules(deployed, active=True)


def drop_planned_runs(deployed: Deployed) -> None:
    """Schedules are off since a moment: drop what the server, which had read them before, has planned after that."""
    _set_schedules(deployed, active=False)


@contextmanager
def without_triggers(deployed: Deployed) -> Iterator[None]:
    """No event starts anything."""
    with deployed.client() as client:
        automations = client.read_automations()
        assert len(automations) == len(STAGES)
        for automation in automations:
            client.pause_automation(automation.id)
        try:
            yield
        finally:
            for automation in automations:
                client.resume_automation(automation.id)


@contextmanager
def stages_in_turn(deployed: Deployed) -> Iterator[None]:
    """The schedules of the stages are on, one stage after the other, all three of them again and again."""
    with deployed.client() as client:
        (schedules,) = zip(*(deployment.schedules for deployment in _in_order(deployed)), strict=True)
        first = datetime.now(UTC) + timedelta(seconds=_PLANNED_WITHIN_S)
        for number, each in enumerate(schedules):
            begin = first + number * timedelta(seconds=_BETWEEN_STAGES_S)
            often = IntervalSchedule(interval=timedelta(seconds=len(STAGES) * _BETWEEN_STAGES_S), anchor_date=begin)
            client.update_deployment_schedule(each.deployment_id, each.id, active=True, schedule=often)
            client.resume_deployment(each.deployment_id)  # what has changed itself is planned first
        try:
            yield
        finally:
            for each in schedules:
                client.update_deployment_schedule(
                    each.deployment_id, each.id, active=each.active, schedule=each.schedule
                )


def _in_order(deployed: Deployed) -> list[Any]:
    return sorted(deployed.deployments(*STAGES), key=lambda deployment: STAGES.index(deployment.name))


def _set_schedules(deployed: Deployed, *, active: bool) -> None:
    with deployed.client() as client:
        for deployment in deployed.deployments(*_DEPLOYMENTS):
            for each in deployment.schedules:
                client.update_deployment_schedule(deployment.id, each.id, active=active)
