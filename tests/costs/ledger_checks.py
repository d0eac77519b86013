"""What the simulator billed beside what the ledger holds, and a catalogue whose prices make cents of a few tokens."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from pipeline import Pipeline, StartPipeline

from batchgen.models import Usage
from batchgen.money import NANO
from batchgen.stages.intake import JobRequest
from batchgen.storage.cost_entries import account

MODEL = "dear-model"
CATALOG = f"""
models:
  - model_id: {MODEL}
    tier: ADVANCED
    input_price_per_1m: "2000"
    output_price_per_1m: "20000"
    max_tokens: 16384
    context_window: 128000
    capabilities: [CHAT, STRUCTURED_OUTPUT, BATCH]
"""
INPUT_USD, OUTPUT_USD = Decimal("0.001"), Decimal("0.01")
"""A token in a batch."""
MOST_OUTPUT = 10


def installation(start_pipeline: StartPipeline, folder: Path, *given: Any, **settings: Any) -> Pipeline:
    """One that knows the dear model."""
    catalog = folder / "catalog.yaml"
    catalog.write_text(CATALOG)
    pipeline = start_pipeline(*given, BATCHGEN_MODEL_CATALOG=catalog, **settings)
    control = pipeline.simulator.control
    control.config(models=[*control.config()["models"], MODEL])
    return pipeline


def capped(source: str, **changes: Any) -> JobRequest:
    """A job on the dear model whose answers have ten tokens at most."""
    request: dict[str, Any] = {"model": MODEL, "max_output_tokens": MOST_OUTPUT}
    return JobRequest("prompt", source, **(request | changes))


def billed(pipeline: Pipeline) -> Usage:
    """What the simulator billed, in all."""
    bill = pipeline.simulator.control.billing()
    return Usage(input_tokens=bill["input_tokens"], output_tokens=bill["output_tokens"])


def price(usage: Usage) -> Decimal:
    """What these tokens of the dear model cost in batches."""
    return usage.input_tokens * INPUT_USD + usage.output_tokens * OUTPUT_USD


def assert_ledger_is_the_bill(pipeline: Pipeline) -> None:
    """Equal to the token and, for the dear model, to the last digit; so is the running sum, with nothing reserved."""
    entries = list(pipeline.services.ids.costs())
    booked = sum((entry.usage for entry in entries), Usage())
    assert (booked.input_tokens, booked.output_tokens) == (
        billed(pipeline).input_tokens,
        billed(pipeline).output_tokens,
    )
    assert sum(entry.cost_usd for entry in entries) == price(billed(pipeline))
    assert sum(entry.reserved_usd for entry in entries) == 0
    assert spent(pipeline) == price(billed(pipeline))


def spent(pipeline: Pipeline, scope: str = "all", name: str = "") -> Decimal:
    """What counts against a cap by now."""
    [amount] = pipeline.services.ids.sums([account(scope, name)])
    return amount / NANO
