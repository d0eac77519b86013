"""Asks the script for one answer: the one place where faults on requests and broken scripts are dealt with."""

import logging
from collections.abc import Mapping
from typing import Any

from batchgen.simulator.answers import Answer, AnswerRequest
from batchgen.simulator.faults import Subject
from batchgen.simulator.state import SimulatorState

log = logging.getLogger(__name__)


def ask(
    state: SimulatorState,
    endpoint: str,
    body: dict[str, Any],
    *,
    custom_id: str | None = None,
    batch_id: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Answer:
    """The answer to one request whose body has been checked."""
    if state.faults.any_for("requests"):
        subject = Subject(body["model"], metadata or {}, custom_id, endpoint)
        fault = state.faults.draw("requests", subject)
        if fault is not None:
            return Answer(**fault.options)
    attempt = 1
    if state.counts_attempts and custom_id is not None:
        attempt = state.billing.attempt(custom_id, state.batches.oldest_first())
    request = AnswerRequest(endpoint, body, custom_id, batch_id, metadata or {}, attempt)
    try:
        return state.script(request)
    except Exception as error:
        log.exception("The answer script failed for custom_id %s", custom_id)
        return Answer(status=500, error_message=f"The answer script failed: {error}", error_code="script_failed")
