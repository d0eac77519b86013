"""What tokens cost: from genai-prices, whose data are kept up to date, or from the catalogue's own figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from batchgen.models import Usage
from batchgen.openai_client.model_config import BATCH_DISCOUNT, FineTunedPrices, ModelConfig

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

_MILLION = Decimal(1_000_000)
_BATCH = {"processing": "batch"}
"""How genai-prices names a batch among the circumstances of a request."""


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars per million tokens."""

    input: Decimal
    cached_input: Decimal
    cache_write: Decimal
    """Input that is put into the cache."""
    output: Decimal

    def cost(self, usage: Usage) -> Decimal:
        """US dollars that these tokens cost; input from and into the cache is part of input."""
        cached = min(usage.cached_input_tokens, usage.input_tokens)  # some servers count the cached ones apart
        written = min(usage.cache_write_tokens, usage.input_tokens - cached)
        full = (usage.input_tokens - cached - written) * self.input
        of_cache = cached * self.cached_input + written * self.cache_write
        return (full + of_cache + usage.output_tokens * self.output) / _MILLION

    def times(self, factor: Decimal) -> Rates:
        """The same with all prices multiplied."""
        return Rates(self.input * factor, self.cached_input * factor, self.cache_write * factor, self.output * factor)


@dataclass(frozen=True, slots=True)
class PriceList:
    """The rates of a model, by how long a request is: those of the last step that its input is above hold for all."""

    base: Rates
    steps: tuple[tuple[int, Rates], ...] = ()

    @property
    def first_step(self) -> int | None:
        """The most input tokens of a request that costs the base rates; None: any has them."""
        return self.steps[0][0] if self.steps else None

    def cost(self, usage: Usage) -> Decimal:
        """US dollars that one request costs."""
        return self.rates(usage.input_tokens).cost(usage)

    def rates(self, input_tokens: int) -> Rates:
        """The rates of a request with so much input."""
        found = self.base
        for above, rates in self.steps:
            if input_tokens > above:
                found = rates
        return found

    def times(self, factor: Decimal) -> PriceList:
        """The same with all prices multiplied."""
        return PriceList(self.base.times(factor), tuple((above, rates.times(factor)) for above, rates in self.steps))


def configured_prices(config: ModelConfig, *, batch: bool) -> PriceList:
    """The figures of the catalogue; a batch costs half where it states no price of its own."""
    ordinary = Rates(
        input=config.input_price_per_1m,
        cached_input=_given(config.cached_input_price_per_1m, config.input_price_per_1m),
        cache_write=_given(config.cache_write_price_per_1m, config.input_price_per_1m),
        output=config.output_price_per_1m,
    )
    if not batch:
        return PriceList(ordinary)
    half = ordinary.times(BATCH_DISCOUNT)
    return PriceList(
        Rates(
            input=_given(config.batch_input_price_per_1m, half.input),
            cached_input=_given(config.batch_cached_input_price_per_1m, half.cached_input),
            cache_write=_given(config.batch_cache_write_price_per_1m, half.cache_write),
            output=_given(config.batch_output_price_per_1m, half.output),
        )
    )


def fine_tuned_prices(prices: FineTunedPrices, *, batch: bool) -> PriceList:
    """The catalogue's figures for models that were fine-tuned from one."""
    ordinary = PriceList(
        Rates(
            input=prices.input_price_per_1m,
            cached_input=_given(prices.cached_input_price_per_1m, prices.input_price_per_1m),
            cache_write=prices.input_price_per_1m,
            output=prices.output_price_per_1m,
        )
    )
    return ordinary.times(BATCH_DISCOUNT) if batch else ordinary


def known_prices(model: str, *, batch: bool, at: datetime | None = None) -> PriceList | None:
    """What genai-prices knows of a model, at a time (now); None where it does not know the model.

    A batch costs what it states for batches; where it states nothing, half. Where it states no batch price for cached
    input, the ordinary one holds, as OpenAI's price table has it.
    """
    return _known_on(model, batch, _hour(at or datetime.now(UTC)))


@cache
def _known_on(model: str, batch: bool, at: datetime) -> PriceList | None:
    info = _find(model)
    if info is None:
        return None
    stated = info.get_prices(at, _BATCH if batch else None)
    prices = _as_list(stated)
    return prices.times(BATCH_DISCOUNT) if batch and not _states_batch(info, at) else prices


def _find(model: str) -> ModelInfo | None:
    import genai_prices  # noqa: PLC0415 - half a second that only those who ask for a price pay

    try:
        found = genai_prices.calc_price(genai_prices.Usage(input_tokens=0), model, provider_id="openai")
    except LookupError:
        return None
    return found.model


def _states_batch(info: ModelInfo, at: datetime) -> bool:
    return any(
        variant.when == _BATCH and (variant.constraint is None or variant.constraint.active(at))
        for variant in info.price_variants or ()
    )


def _as_list(stated: Any) -> PriceList:
    """Read a ModelPrice, in which a price may be missing, one number, or one with steps."""
    named = (stated.input_mtok, stated.cache_read_mtok, stated.cache_write_mtok, stated.output_mtok)
    above = sorted({tier.start for price in named for tier in getattr(price, "tiers", ())})
    return PriceList(_rates(named, 0), tuple((start, _rates(named, start + 1)) for start in above))


def _rates(named: tuple[Any, Any, Any, Any], input_tokens: int) -> Rates:
    ordinary, cached, written, output = (_at(price, input_tokens) for price in named)
    full = _given(ordinary, Decimal(0))
    return Rates(
        input=full,
        cached_input=_given(cached, full),
        cache_write=_given(written, full),
        output=_given(output, Decimal(0)),
    )


def _at(price: Any, input_tokens: int) -> Decimal | None:
    if price is None or isinstance(price, Decimal):
        return price
    found: Decimal = price.base
    for tier in price.tiers:
        if input_tokens > tier.start:
            found = tier.price
    return found


def _given(price: Decimal | None, otherwise: Decimal) -> Decimal:
    return otherwise if price is None else price


def _hour(at: datetime) -> datetime:
    """Prices change on days: within an hour they are looked up once."""
    return at.replace(minute=0, second=0, microsecond=0)
