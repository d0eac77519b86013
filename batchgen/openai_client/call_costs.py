"""What a call outside of batches cost: read from its answer, be that of use or not, and recorded once."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from structlog.stdlib import get_logger

from batchgen.errors import Unavailable
from batchgen.models import Endpoint, Usage
from batchgen.openai_client.answers import is_simulated, usage_of
from batchgen.openai_client.manager import OpenAIClientManager

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CallCost:
    """Tokens and US dollars of one call."""

    usage: Usage
    cost_usd: Decimal
    simulated: bool


def record_call(
    manager: OpenAIClientManager,
    answered: dict[str, Any],
    endpoint: Endpoint,
    *,
    service: str,
    model: str,
    **labels: str,
) -> CallCost:
    """Have the tokens of a response body recorded; where that cannot be, the answer, which is paid, is worth more."""
    usage, simulated = usage_of(answered, endpoint), is_simulated(answered)
    key = f"ordinary:{uuid.uuid4().hex}"  # of this call: some servers give every answer the same id
    try:
        cost = manager.track_usage(
            service=service, model=model, usage=usage, key=key, batch=False, simulated=simulated, **labels
        )
    except Unavailable as away:
        log.warning("usage_not_recorded", service=service, model=model, problem=str(away), **usage.model_dump())
        cost = manager.catalog.price(model, usage, batch=False)
    return CallCost(usage, cost, simulated)
