"""Who may use which model: a policy for each data type and service, and the choice of a model within it."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from batchgen.errors import InvalidModelError, InvalidSetting, UnknownModel, UnknownService
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.model_config import ModelCapability, ModelConfig, ModelTier
from batchgen.openai_client.prices import configured_prices

AUTO = "auto"
"""In the place of a model: the cheapest that will do."""
DECLARED = "declared"
"""The policy of data types that have none of their own name."""
LASTING = timedelta(days=30)
"""How long a model must still be served to be chosen: a job with its retries and reviews should end before."""


class ServiceModelPolicy(BaseModel):
    """The models that one data type or service may use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service_name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    allowed_tiers: tuple[ModelTier, ...]
    default_model: str
    required_capabilities: frozenset[ModelCapability] = frozenset()
    """What a model must be able to do."""
    allowed_models: frozenset[str] = frozenset()
    """Models that are allowed though their tier is not."""
    denied_models: frozenset[str] = frozenset()
    """Models that are not, though their tier is."""

    def objection(self, config: ModelConfig, needs: frozenset[ModelCapability] = frozenset()) -> str | None:
        """Why a model may not be used, in words; None: it may. `needs` are capabilities beyond the required ones."""
        if config.model_id in self.denied_models:
            return f"{config.model_id} is denied"
        if (
            config.can(ModelCapability.EMBEDDING)
            and ModelCapability.EMBEDDING not in self.required_capabilities | needs
        ):
            return f"{config.model_id} gives no answers, only vectors"
        if config.tier not in self.allowed_tiers and config.model_id not in self.allowed_models:
            return f"{config.model_id} is of the tier {config.tier}"
        if missing := sorted((self.required_capabilities | needs) - config.capabilities):
            return f"{config.model_id} lacks {', '.join(missing)}"
        return None


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The model of a job and why it is this one."""

    model: str
    reason: str


@dataclass(frozen=True, slots=True)
class PromptSize:
    """The largest prompt of a job, as far as it is known."""

    input_tokens: int = 0
    max_output_tokens: int | None = None
    """None: as much as the model may answer."""


class _PolicyFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    policies: tuple[ServiceModelPolicy, ...]

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        twice = [name for name, count in Counter(each.service_name for each in self.policies).items() if count > 1]
        if twice:
            raise ValueError(f"{twice[0]} has more than one policy")
        return self


class ModelPolicies:
    """The policies over one catalogue."""

    def __init__(self, catalog: ModelCatalog, policies: dict[str, ServiceModelPolicy], *, text: str = "") -> None:
        """Take policies by the name of their service, and the text that the user's own stand in."""
        self.catalog = catalog
        self._policies = policies
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()
        """The same for policies of the same content."""

    @classmethod
    def load(cls, catalog: ModelCatalog, extra: Path | None = None) -> ModelPolicies:
        """Read the policies that ship with batchgen, then `extra`, whose policies win; raises InvalidSetting."""
        own, text = dict[str, ServiceModelPolicy](), ""
        if extra is not None:
            try:
                text = extra.read_text(encoding="utf-8")
                own = _parse(text)
            except (OSError, yaml.YAMLError, ValidationError, UnicodeDecodeError) as error:
                raise _unusable(" ".join(str(error).split())) from error
        loaded = cls(catalog, {**_shipped(), **own}, text=text)
        for service in own:
            loaded._check(service)
        return loaded

    @property
    def services(self) -> tuple[str, ...]:
        """The names of all services with a policy."""
        return tuple(self._policies)

    def get(self, service: str, *, fallback: str | None = None) -> ServiceModelPolicy:
        """The policy of a service, or of `fallback` where it has none; raises UnknownService."""
        found = self._policies.get(service) or self._policies.get(fallback or "")
        if found is None:
            raise UnknownService(name=service, known=", ".join(sorted(self._policies)))
        return found

    def allowed(
        self, service: str, *, fallback: str | None = None, needs: frozenset[ModelCapability] = frozenset()
    ) -> list[ModelConfig]:
        """The models that a service may use, with today's prices, the smallest tier and the cheapest first."""
        policy = self.get(service, fallback=fallback)
        return sorted((each for each in self.catalog if policy.objection(each, needs) is None), key=_by_price)

    def validate(
        self,
        model: str,
        service: str,
        *,
        fallback: str | None = None,
        needs: frozenset[ModelCapability] = frozenset(),
    ) -> ModelConfig:
        """The model, which the service may use; raises InvalidModelError (UnknownModel among them), UnknownService."""
        policy = self.get(service, fallback=fallback)
        config = self.catalog.facts(model)
        problem = policy.objection(config, needs)
        if problem is not None:
            allowed = self._names(policy, needs)
            raise InvalidModelError(model=model, service=service, allowed=allowed, why=problem)
        return self.catalog.get(model)

    def choose(
        self,
        model: str | None,
        service: str,
        *,
        fallback: str | None = None,
        default: str | None = None,
        needs: frozenset[ModelCapability] = frozenset(),
        size: PromptSize = PromptSize(),
        today: datetime | None = None,
    ) -> ModelChoice:
        """The model that was named; for None the default; for `auto` the cheapest allowed one that holds the prompts.

        Raises InvalidModelError, UnknownService.
        """
        policy = self.get(service, fallback=fallback)
        if model == AUTO:
            return self._cheapest(policy, service, needs, size, today or datetime.now(UTC))
        name = model or default or policy.default_model
        self.validate(name, service, fallback=fallback, needs=needs)
        return ModelChoice(name, "it was named" if model else f"it is the default of {service}")

    def _cheapest(
        self,
        policy: ServiceModelPolicy,
        service: str,
        needs: frozenset[ModelCapability],
        size: PromptSize,
        now: datetime,
    ) -> ModelChoice:
        able = [each for each in self.catalog if policy.objection(each, needs) is None]
        lasting = [each for each in able if each.answers_on((now + LASTING).date())]
        fitting = [each for each in lasting if each.fits(size.input_tokens, size.max_output_tokens)]
        if not fitting:
            why = (
                f"none of them holds a prompt of {size.input_tokens:,} tokens and its answer"
                if lasting
                else "none lasts"
            )
            allowed = self._names(policy, needs)
            raise InvalidModelError(model=AUTO, service=service, allowed=allowed, why=why)
        chosen = min(fitting, key=lambda each: (_batch_price(each), each.model_id))
        reason = (
            f"auto: the cheapest of {len(fitting)} models that {service} may use"
            f" and that hold its prompts (${_batch_price(chosen):f} for a million tokens in and out, in a batch)"
        )
        return ModelChoice(chosen.model_id, reason)

    def _names(self, policy: ServiceModelPolicy, needs: frozenset[ModelCapability]) -> str:
        facts = (self.catalog.facts(model) for model in self.catalog.ids)
        return ", ".join(sorted(each.model_id for each in facts if policy.objection(each, needs) is None)) or "none"

    def _check(self, service: str) -> None:
        """Hold a user's policy to the catalogue: its default must be a model that it allows itself."""
        policy = self._policies[service]
        try:
            self.validate(policy.default_model, service)
            for model in policy.allowed_models | policy.denied_models:
                self.catalog.facts(model)
        except UnknownModel as unknown:
            raise _unusable(f"{service}: the catalogue holds no model {unknown.model!r}") from unknown
        except InvalidModelError as refused:
            raise _unusable(f"{service} does not allow its own default: {refused.why}") from refused


def _by_price(config: ModelConfig) -> tuple[int, object, str]:
    return config.tier.rank, config.input_price_per_1m + config.output_price_per_1m, config.model_id


def _batch_price(config: ModelConfig) -> Decimal:
    """US dollars of a million tokens in and a million out, in a batch."""
    rates = configured_prices(config, batch=True).base
    return (rates.input + rates.output).normalize()


def _unusable(problem: str) -> InvalidSetting:
    return InvalidSetting(variable="BATCHGEN_MODEL_POLICIES", problem=problem)


def _parse(text: str) -> dict[str, ServiceModelPolicy]:
    return {policy.service_name: policy for policy in _PolicyFile.model_validate(yaml.safe_load(text)).policies}


@cache
def _shipped() -> dict[str, ServiceModelPolicy]:
    return _parse(resources.files("batchgen.openai_client").joinpath("policies.yaml").read_text(encoding="utf-8"))
