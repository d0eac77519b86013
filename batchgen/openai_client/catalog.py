"""The model catalogue: which models there are, what they can do, what they cost, how much of them may be enqueued."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from batchgen.errors import InvalidSetting, UnknownModel
from batchgen.models import Usage
from batchgen.openai_client.model_config import ModelConfig
from batchgen.openai_client.prices import PriceList, configured_prices, fine_tuned_prices, known_prices

_SNAPSHOT = re.compile(r"^(?P<id>.+)-\d{4}-\d{2}-\d{2}$")
_FINE_TUNED = re.compile(r"^ft:(?P<id>[^:]+)(:.*)?$")


class _CatalogFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[ModelConfig, ...]

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        twice = [name for name, count in Counter(model.model_id for model in self.models).items() if count > 1]
        if twice:
            raise ValueError(f"{twice[0]} stands in it more than once")
        return self


class ModelCatalog:
    """The models that batchgen knows, and the user's own beside them."""

    def __init__(self, models: dict[str, ModelConfig], *, own: frozenset[str] = frozenset(), text: str = "") -> None:
        """Take models by id, and which of them the user described, in which text: those cost what the user says."""
        self._models = models
        self._own = own
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()
        """The same for catalogues of the same content."""

    @classmethod
    def load(cls, extra: Path | None = None) -> ModelCatalog:
        """Read the catalogue that ships with batchgen, then `extra`, whose models win; raises InvalidSetting."""
        shipped, own, text = _shipped(), dict[str, ModelConfig](), ""
        if extra is not None:
            try:
                text = extra.read_text(encoding="utf-8")
                own = _parse(text)
            except (OSError, yaml.YAMLError, ValidationError, UnicodeDecodeError) as error:
                problem = " ".join(str(error).split())
                raise InvalidSetting(variable="BATCHGEN_MODEL_CATALOG", problem=problem) from error
        return cls({**shipped, **own}, own=frozenset(own), text=text)

    def __iter__(self) -> Iterator[ModelConfig]:
        """All models, with the prices of today, as the catalogue orders them."""
        return (self.get(model) for model in self._models)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all models."""
        return tuple(self._models)

    def get(self, model: str) -> ModelConfig:
        """A model by its id, a dated snapshot of it, or a fine-tuned one, with today's prices; raises UnknownModel."""
        config = self.facts(model)
        if config.model_id in self._own or (known := known_prices(config.model_id, batch=False)) is None:
            return config
        in_batch = known_prices(config.model_id, batch=True) or known
        return config.model_copy(
            update={
                "input_price_per_1m": known.base.input,
                "cached_input_price_per_1m": known.base.cached_input,
                "cache_write_price_per_1m": known.base.cache_write,
                "output_price_per_1m": known.base.output,
                "batch_input_price_per_1m": in_batch.base.input,
                "batch_cached_input_price_per_1m": in_batch.base.cached_input,
                "batch_cache_write_price_per_1m": in_batch.base.cache_write,
                "batch_output_price_per_1m": in_batch.base.output,
            }
        )

    def facts(self, model: str) -> ModelConfig:
        """The same, with the prices as they stand in the catalogue: for those who ask for none."""
        name = model
        if name not in self._models and (match := _FINE_TUNED.match(name)):
            name = match["id"]
        if name not in self._models and (match := _SNAPSHOT.match(name)):
            name = match["id"]
        try:
            return self._models[name]
        except KeyError:
            raise UnknownModel(model=model, known=", ".join(sorted(self._models))) from None

    def enqueued_limit(self, model: str, tier: int | None) -> int | None:
        """How many tokens of a model may wait in batches at once, where that is known."""
        return None if tier is None else self.facts(model).enqueued_tokens.get(tier)

    def prices(self, model: str, *, batch: bool, at: datetime | None = None) -> PriceList:
        """The rates of a model, now or at a time; raises UnknownModel."""
        config = self.facts(model)
        own = config.model_id in self._own
        if not own and (known := known_prices(model, batch=batch, at=at)) is not None:
            return known
        if config.fine_tuned is not None and model != config.model_id and _FINE_TUNED.match(model):
            return fine_tuned_prices(config.fine_tuned, batch=batch)
        of_model = None if own else known_prices(config.model_id, batch=batch, at=at)
        return of_model or configured_prices(config, batch=batch)

    def price(
        self, model: str, usage: Usage, *, batch: bool, largest: int | None = None, at: datetime | None = None
    ) -> Decimal:
        """US dollars that these tokens cost.

        They are those of one request; or of many, and then `largest` is the input of the largest: the models since
        GPT-5.4 cost more for requests above 272,000 input tokens.
        """
        rates = self.prices(model, batch=batch, at=at).rates(usage.input_tokens if largest is None else largest)
        return rates.cost(usage)

    def batch_cost(self, model: str, usage: Usage, *, largest: int | None = None) -> Decimal:
        """US dollars that these tokens cost in a batch; `largest` as in `price`."""
        return self.price(model, usage, batch=True, largest=largest)

    def ordinary_cost(self, model: str, usage: Usage, *, largest: int | None = None) -> Decimal:
        """US dollars that they cost when they are asked for one by one."""
        return self.price(model, usage, batch=False, largest=largest)


class _ShippedModels(Mapping[str, ModelConfig]):
    """Reads the catalogue when it is first asked for a model, so that importing it costs nothing."""

    def __getitem__(self, model: str) -> ModelConfig:
        if model not in _shipped():
            raise KeyError(model)
        return ModelCatalog(_shipped()).get(model)

    def __iter__(self) -> Iterator[str]:
        return iter(_shipped())

    def __len__(self) -> int:
        return len(_shipped())


MODEL_CATALOG: Mapping[str, ModelConfig] = _ShippedModels()
"""The models that ship with batchgen, by id, with today's prices; what a user's own file adds is in ModelCatalog."""


def _parse(text: str) -> dict[str, ModelConfig]:
    return {model.model_id: model for model in _CatalogFile.model_validate(yaml.safe_load(text)).models}


@cache
def _shipped() -> dict[str, ModelConfig]:
    return _parse(resources.files("batchgen.openai_client").joinpath("catalog.yaml").read_text(encoding="utf-8"))
