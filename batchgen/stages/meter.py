"""What many requests cost: prices may rise with the input of one request, so a sum of tokens has no price as such."""

from __future__ import annotations

import math
from decimal import Decimal

from batchgen.models import Usage
from batchgen.openai_client.prices import PriceList


class Meter:
    """Adds up the tokens and the cost of requests, one by one: the large ones at their own price."""

    def __init__(self, prices: PriceList) -> None:
        """Start at nothing."""
        self._prices = prices
        self._step = math.inf if prices.first_step is None else prices.first_step
        self._input = self._cached = self._output = self._reasoning = self._written = 0
        self._large = Usage()
        self._large_cost = Decimal(0)

    def add(self, input_tokens: int, cached: int = 0, output: int = 0, reasoning: int = 0, written: int = 0) -> None:
        """Count one request. Most are small, and called for each answer of a batch: so they only add numbers."""
        if input_tokens <= self._step:
            self._input += input_tokens
            self._cached += cached
            self._output += output
            self._reasoning += reasoning
            self._written += written
            return
        usage = Usage(
            input_tokens=input_tokens,
            cached_input_tokens=cached,
            cache_write_tokens=written,
            output_tokens=output,
            reasoning_tokens=reasoning,
        )
        self._large += usage
        self._large_cost += self._prices.cost(usage)

    def add_usage(self, usage: Usage) -> None:
        """Count one request."""
        self.add(
            usage.input_tokens,
            usage.cached_input_tokens,
            usage.output_tokens,
            usage.reasoning_tokens,
            usage.cache_write_tokens,
        )

    @property
    def usage(self) -> Usage:
        """All tokens so far."""
        return self._small() + self._large

    @property
    def cost(self) -> Decimal:
        """US dollars so far."""
        return self._prices.base.cost(self._small()) + self._large_cost

    def _small(self) -> Usage:
        return Usage(
            input_tokens=self._input,
            cached_input_tokens=self._cached,
            cache_write_tokens=self._written,
            output_tokens=self._output,
            reasoning_tokens=self._reasoning,
        )
