"""What there is to know of a model: the values of the catalogue, and the two scales that policies speak in."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

BATCH_DISCOUNT = Decimal("0.5")
"""What a batch costs of the ordinary price where no batch price is stated (OpenAI, Batch API guide)."""


class ModelTier(StrEnum):
    """How much a model can do, and costs; policies allow whole tiers."""

    MINI = "MINI"
    """Small and cheap: up to $1 per million input tokens."""
    STANDARD = "STANDARD"
    """The workhorses: up to $3."""
    ADVANCED = "ADVANCED"
    """The large ones: up to $10."""
    PREMIUM = "PREMIUM"
    """More than that, or $40 and more per million output tokens."""

    @property
    def rank(self) -> int:
        """0 for the smallest."""
        return list(ModelTier).index(self)


class ModelCapability(StrEnum):
    """What a model can be asked for."""

    CHAT = "CHAT"
    """Answers at /v1/chat/completions; models without it answer at /v1/responses alone."""
    CODE_GENERATION = "CODE_GENERATION"
    ANALYSIS = "ANALYSIS"
    REASONING = "REASONING"
    """Thinks before it answers; its thoughts are billed as output."""
    VISION = "VISION"
    FUNCTION_CALLING = "FUNCTION_CALLING"
    STRUCTURED_OUTPUT = "STRUCTURED_OUTPUT"
    """Keeps to a strict JSON schema."""
    BATCH = "BATCH"
    """Can be asked through the Batch API."""
    EMBEDDING = "EMBEDDING"


class FineTunedPrices(BaseModel):
    """What a fine-tuned model costs, in US dollars per million tokens; half in a batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_price_per_1m: Decimal = Field(ge=0)
    cached_input_price_per_1m: Decimal | None = Field(None, ge=0)
    """None: it costs what other input costs."""
    output_price_per_1m: Decimal = Field(ge=0)


class ModelConfig(BaseModel):
    """One model. Prices are US dollars per million tokens, for requests of up to 272,000 input tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model_id: str = Field(min_length=1)
    tier: ModelTier
    capabilities: frozenset[ModelCapability]
    input_price_per_1m: Decimal = Field(ge=0)
    output_price_per_1m: Decimal = Field(ge=0)
    cached_input_price_per_1m: Decimal | None = Field(None, ge=0)
    """Input that the server had in its cache; None: it costs what other input costs."""
    cache_write_price_per_1m: Decimal | None = Field(None, ge=0)
    """Input that the server puts into its cache; None: it costs what other input costs."""
    batch_input_price_per_1m: Decimal | None = Field(None, ge=0)
    """The same in a batch; None: half of the ordinary price."""
    batch_output_price_per_1m: Decimal | None = Field(None, ge=0)
    batch_cached_input_price_per_1m: Decimal | None = Field(None, ge=0)
    batch_cache_write_price_per_1m: Decimal | None = Field(None, ge=0)
    fine_tuned: FineTunedPrices | None = None
    """What models cost that were fine-tuned from it; None: the same."""
    max_tokens: int = Field(ge=0)
    """The most tokens that one answer may have, thoughts included; 0 for embeddings."""
    context_window: int = Field(ge=1)
    """The most tokens that prompt and answer may have together."""
    tools_reasoning_effort: str | None = None
    """The `reasoning_effort` without which /v1/chat/completions refuses tools; None: it takes them with any."""
    supports_rag: bool = False
    """Whether it works with what a search found: tools, and a context for more than a page."""
    description: str = ""
    enqueued_tokens: dict[int, int] = Field(default_factory=dict)
    """Batch queue limit in tokens, by usage tier (1 to 5)."""
    released: date | None = None
    deprecated: date | None = None
    """When its retirement was announced."""
    retired: date | None = None
    """When it stops, or stopped, to answer at OpenAI."""
    source: str = ""
    """Where the facts stand."""

    def can(self, *capabilities: ModelCapability) -> bool:
        """Whether it has all of these."""
        return self.capabilities.issuperset(capabilities)

    def answers_on(self, day: date) -> bool:
        """Whether OpenAI serves it on a day, as far as is known."""
        return self.retired is None or day < self.retired

    def fits(self, input_tokens: int, max_output_tokens: int | None = None) -> bool:
        """Whether a prompt leaves room for its answer in the context window.

        Without a limit of its own, an answer may need the model's most, or half of the window if that is less.
        """
        if max_output_tokens is None:
            max_output_tokens = min(self.max_tokens, self.context_window // 2)
        return input_tokens + max_output_tokens <= self.context_window and max_output_tokens <= max(self.max_tokens, 1)
