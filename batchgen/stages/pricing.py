"""What many requests cost: prices may rise with the input of one request, so a sum of tokens has no price as such."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from batchgen.models import Usage
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.model_config import BATCH_DISCOUNT

LARGE_REQUEST = 200_000
"""Input tokens from which a request is priced by itself: prices step up there, or further on (genai-prices)."""
_PROBE = 100_000
"""Tokens that stay below every step."""


class PriceList:
    """The batch price of one model."""

    def __init__(self, price: Callable[[Usage], Decimal]) -> None:
        """Take what prices a single request."""
        self.of_one = price
        self._input = price(Usage(input_tokens=_PROBE)) / _PROBE
        self._cached = price(Usage(input_tokens=_PROBE, cached_input_tokens=_PROBE)) / _PROBE
        self._output = price(Usage(output_tokens=_PROBE)) / _PROBE

    @classmethod
    def of(cls, catalog: ModelCatalog, model: str) -> PriceList:
        """The prices of a catalogue's model; raises UnknownModel."""
        return cls(lambda usage: catalog.batch_cost(model, usage))

    def of_small(self, usage: Usage) -> Decimal:
        """US dollars for the sum of requests that are each below LARGE_REQUEST."""
        cached = min(usage.cached_input_tokens, usage.input_tokens)  # some servers count the cached ones apart
        fresh = usage.input_tokens - cached
        return fresh * self._input + cached * self._cached + usage.output_tokens * self._output


def ordinary(batch_cost: Decimal) -> Decimal:
    """What the same costs without the batch discount."""
    return batch_cost / BATCH_DISCOUNT


class Meter:
    """Adds up the tokens and the cost of requests, one by one: the large ones at their own price."""

    def __init__(self, prices: PriceList) -> None:
        """Start at nothing."""
        self._prices = prices
        self._input = self._cached = self._output = self._reasoning = 0
        self._large = Usage()
        self._large_cost = Decimal(0)

    def add(self, input_tokens: int, cached: int = 0, output: int = 0, reasoning: int = 0) -> None:
        """Count one request. Most are small, and called for each answer of a batch: so they only add numbers."""
        if input_tokens < LARGE_REQUEST:
            self._input += input_tokens
            self._cached += cached
            self._output += output
            self._reasoning += reasoning
            return
        usage = Usage(
            input_tokens=input_tokens, cached_input_tokens=cached, output_tokens=output, reasoning_tokens=reasoning
        )
        self._large += usage
        self._large_cost += self._prices.of_one(usage)

    def add_usage(self, usage: Usage) -> None:
        """Count one request."""
        self.add(usage.input_tokens, usage.cached_input_tokens, usage.output_tokens, usage.reasoning_tokens)

    @property
    def usage(self) -> Usage:
        """All tokens so far."""
        return self._small() + self._large

    @property
    def cost(self) -> Decimal:
        """US dollars so far."""
        return self._prices.of_small(self._small()) + self._large_cost

    def _small(self) -> Usage:
        return Usage(
            input_tokens=self._input,
            cached_input_tokens=self._cached,
            output_tokens=self._output,
            reasoning_tokens=self._reasoning,
        )
