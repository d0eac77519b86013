"""What requests and answers hold."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from batchgen.assistant.comparison import Compared, Comparison
from batchgen.assistant.engine import Reply
from batchgen.data_types.declared.declaration import NAME
from batchgen.money import dollars
from batchgen.openai_client.model_config import ModelCapability, ModelConfig, ModelTier

_SAFE_INTEGER = 2**53
Scalar = (
    bool
    | Annotated[int, Field(ge=-_SAFE_INTEGER, le=_SAFE_INTEGER)]
    | Annotated[float, Field(allow_inf_nan=False)]
    | Annotated[str, Field(max_length=10_000)]
    | None
)
ModelId = Annotated[
    str | None, Field(min_length=1, max_length=200, description="The model to ask. Default: that of the service.")
]
Identity = Annotated[str | None, Field(min_length=1, max_length=300)]


class Document(BaseModel):
    """Base: no unknown fields."""

    model_config = ConfigDict(extra="forbid")


class Problem(Document):
    """What is wrong and what to do about it."""

    code: str
    message: str
    remedy: str


class ProblemResponse(Document):
    """The body of every answer that is no success."""

    error: Problem


class ModelInfo(Document):
    """One model. Prices are US dollars per million tokens."""

    model_id: str
    tier: ModelTier
    capabilities: list[ModelCapability]
    description: str
    input_price_per_1m: float
    cached_input_price_per_1m: float | None
    output_price_per_1m: float
    batch_input_price_per_1m: float | None
    batch_output_price_per_1m: float | None
    context_window: int
    max_tokens: int
    supports_rag: bool
    released: date | None
    deprecated: date | None
    retired: date | None

    @classmethod
    def of(cls, config: ModelConfig) -> Self:
        """What the catalogue says of a model."""
        names = cls.model_fields.keys() - {"capabilities"}
        return cls(capabilities=sorted(config.capabilities), **{name: getattr(config, name) for name in names})


class ModelListResponse(Document):
    """Models, the smallest tier and the cheapest first."""

    models: list[ModelInfo]
    total: int


class ServiceModelPolicyResponse(Document):
    """Which models a service may use."""

    service_name: str
    allowed_models: list[ModelInfo]
    default_model: str


class Spent(Document):
    """What an answer cost."""

    model: str
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost_usd: str
    simulated: bool

    @classmethod
    def of(cls, reply: Reply) -> Self:
        """What was counted."""
        usage = reply.usage
        return cls(
            model=reply.model,
            input_tokens=usage.input_tokens,
            cached_input_tokens=usage.cached_input_tokens,
            output_tokens=usage.output_tokens,
            cost_usd=dollars(reply.cost_usd),
            simulated=reply.simulated,
        )


class StrategyBuilderRequest(Document):
    """What a declared type is wanted for."""

    description: str = Field(
        min_length=1, max_length=4_000, pattern=r"\S", description="What is to be written, and how."
    )
    sample: list[Annotated[dict[str, Scalar], Field(min_length=1, max_length=100)]] = Field(
        min_length=1, max_length=20, description="Some rows of the data."
    )
    name: str | None = Field(None, pattern=NAME, description="Name of the type. Default: the model finds one.")
    model_id: ModelId = None


class StrategyBuilderResponse(Document):
    """A declared type that can be run as it is."""

    name: str
    declaration_yaml: str = Field(description="The file of the type: put it into the folder of types as NAME.yaml.")
    declaration: dict[str, Any]
    prompts: list[str] = Field(description="What each row of the sample would be asked.")
    tries: int
    spent: Spent


class NarrativeReportRequest(Document):
    """What a report is wanted on: a job, or a batch."""

    job_id: Identity = None
    batch_id: Identity = None
    model_id: ModelId = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.job_id is None) == (self.batch_id is None):
            raise ValueError("give job_id or batch_id")
        return self


class StatedFigure(Document):
    """A figure of a report, taken from what is stored."""

    name: str
    meaning: str
    shown: str


class NarrativeReportResponse(Document):
    """A report in which every figure is one of `figures`."""

    title: str
    markdown: str
    figures: list[StatedFigure]
    spent: Spent


class ChatTurn(Document):
    """What was said before."""

    role: Literal["user", "assistant"]
    content: str = Field(max_length=20_000)


class CompareRequest(Document):
    """Two things to put side by side: ids of models or jobs, or declared types as YAML."""

    kind: Compared
    left: str = Field(min_length=1, max_length=200_000)
    right: str = Field(min_length=1, max_length=200_000)


class ChatRequest(Document):
    """A question; with `compare`, one about these two things, and then it may be left out."""

    message: str = Field("", max_length=8_000)
    history: list[ChatTurn] = Field(default=[], max_length=50, description="What was said before, the oldest first.")
    compare: CompareRequest | None = None
    model_id: ModelId = None

    @model_validator(mode="after")
    def _asks(self) -> Self:
        if self.compare is None and not self.message.strip():
            raise ValueError("give a message, or what to compare")
        return self


class ComparedProperty(Document):
    """One property of both."""

    property: str
    left: Any
    right: Any


class ComparisonResponse(Document):
    """Two things side by side, every value stored or computed."""

    kind: Compared
    left: str
    right: str
    rows: list[ComparedProperty]

    @classmethod
    def of(cls, comparison: Comparison) -> Self:
        """What was compared."""
        return cls.model_validate(comparison.facts())


class ChatResponse(Document):
    """An answer of which every figure stands in what is stored."""

    answer: str
    looked_up: list[str] = Field(description="The tools that were called.")
    comparison: ComparisonResponse | None
    spent: Spent
