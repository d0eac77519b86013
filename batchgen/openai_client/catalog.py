"""The model catalogue: which models there are, what they cost in a batch, how much of them may be enqueued."""

from __future__ import annotations

import re
from contextlib import suppress
from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path

import yaml
from genai_prices import Usage as PricedUsage
from genai_prices import calc_price
from pydantic import BaseModel, ConfigDict, ValidationError

from batchgen.errors import InvalidSetting, UnknownModel
from batchgen.models import Usage

BATCH_DISCOUNT = Decimal("0.5")
"""What a batch costs of the ordinary price (OpenAI, Batch API guide)."""
AUTO = "auto"
_MILLION = Decimal(1_000_000)
_SNAPSHOT = re.compile(r"^(?P<id>.+)-\d{4}-\d{2}-\d{2}$")
_FINE_TUNED = re.compile(r"^ft:(?P<id>[^:]+)(:.*)?$")


class ModelConfig(BaseModel):
    """One model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    input_price_per_1m: Decimal
    cached_input_price_per_1m: Decimal | None = None
    output_price_per_1m: Decimal
    context_window: int
    capabilities: frozenset[str]
    enqueued_tokens: dict[int, int] = {}
    """Batch queue limit in tokens, by usage tier."""


class _CatalogFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[ModelConfig, ...]


class ModelCatalog:
    """The models that batchgen knows, and the user's own beside them."""

    def __init__(self, models: dict[str, ModelConfig], *, own: frozenset[str] = frozenset()) -> None:
        """Take models by id, and which of them the user described: those cost what the user says."""
        self._models = models
        self._own = own

    @classmethod
    def load(cls, extra: Path | None = None) -> ModelCatalog:
        """Read the catalogue that ships with batchgen, then `extra`, whose models win; raises InvalidSetting."""
        shipped, own = _shipped(), dict[str, ModelConfig]()
        if extra is not None:
            try:
                own = _parse(extra.read_text(encoding="utf-8"))
            except (OSError, yaml.YAMLError, ValidationError, UnicodeDecodeError) as error:
                problem = " ".join(str(error).split())
                raise InvalidSetting(variable="BATCHGEN_MODEL_CATALOG", problem=problem) from error
        return cls({**shipped, **own}, own=frozenset(own))

    def get(self, model: str) -> ModelConfig:
        """A model by its id, a dated snapshot of it, or a fine-tuned one; raises UnknownModel."""
        name = model
        if match := _FINE_TUNED.match(name):
            name = match["id"]
        if name not in self._models and (match := _SNAPSHOT.match(name)):
            name = match["id"]
        try:
            return self._models[name]
        except KeyError:
            raise UnknownModel(model=model, known=", ".join(sorted(self._models))) from None

    def choose(self, model: str, capabilities: frozenset[str]) -> str:
        """Return the model as it was named; for `auto`, the cheapest that has the capabilities."""
        if model != AUTO:
            self.get(model)
            return model
        able = [each for each in self._models.values() if capabilities <= each.capabilities]
        if not able:
            raise UnknownModel(model=model, known=", ".join(sorted(self._models)))
        return min(able, key=lambda each: (each.input_price_per_1m + each.output_price_per_1m, each.id)).id

    def enqueued_limit(self, model: str, tier: int | None) -> int | None:
        """How many tokens of a model may wait in batches at once, where that is known."""
        return None if tier is None else self.get(model).enqueued_tokens.get(tier)

    def batch_cost(self, model: str, usage: Usage) -> Decimal:
        """US dollars that these tokens cost in a batch."""
        config = self.get(model)
        cached = min(usage.cached_input_tokens, usage.input_tokens)  # some servers count the cached ones apart
        priced = PricedUsage(
            input_tokens=usage.input_tokens, cache_read_tokens=cached, output_tokens=usage.output_tokens
        )
        if config.id not in self._own:
            with suppress(LookupError):
                return calc_price(priced, model, provider_id="openai").total_price * BATCH_DISCOUNT
        cached_price = config.cached_input_price_per_1m
        full = (
            (usage.input_tokens - cached) * config.input_price_per_1m
            + cached * (config.input_price_per_1m if cached_price is None else cached_price)
            + usage.output_tokens * config.output_price_per_1m
        )
        return full / _MILLION * BATCH_DISCOUNT


def _parse(text: str) -> dict[str, ModelConfig]:
    return {model.id: model for model in _CatalogFile.model_validate(yaml.safe_load(text)).models}


@cache
def _shipped() -> dict[str, ModelConfig]:
    return _parse(resources.files("batchgen.openai_client").joinpath("catalog.yaml").read_text(encoding="utf-8"))
