"""What counts as a near-duplicate: the texts that are compared, what tells variants apart, what is done about it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from batchgen.data_types.structured.fields import FieldSpec, FieldType
from batchgen.data_types.structured.rules import as_object

_NAME_LENGTH = 60
"""A field whose texts must be shorter holds a label, and labels may be alike."""


class DuplicateAction(StrEnum):
    """What is done with a near-duplicate."""

    REPORT = "report"
    """It is counted and shown."""
    REFUSE = "refuse"
    """Its answer is refused, and asked for again."""
    IGNORE = "ignore"
    """Nothing is compared."""


class DuplicateSpec(BaseModel):
    """A declaration of near-duplicates."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: tuple[str, ...] = ()
    """Whose texts are compared, in the output or, for names that it has not, in the source."""
    weights: dict[str, float] = Field(default_factory=dict)
    """How much a field counts; 1 where nothing is said."""
    threshold: float = Field(0.9, ge=0.5, le=1)
    """The least likeness, of 1, that is called nearly the same."""
    variants: bool = True
    """Texts that differ in a number, a model number, a size or a colour are variants, and no duplicates."""
    guards: tuple[str, ...] = ()
    """Fields or columns whose values, where both have one, must agree: else it is a variant."""
    # Not `on`: YAML takes that key for true.
    action: DuplicateAction = DuplicateAction.REPORT

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, value: Any) -> Any:
        """Let it be a text: an object as JSON, or the action alone."""
        if not isinstance(value, str):
            return value
        return as_object(value) if value.lstrip().startswith("{") else {"action": value.strip()}

    @model_validator(mode="after")
    def _weights_are_of_fields(self) -> Self:
        if unknown := set(self.weights) - set(self.fields):
            raise ValueError(f"weights names {min(unknown)!r}, which is not among the compared fields")
        if any(not 0 < weight < float("inf") for weight in self.weights.values()):
            raise ValueError("a weight is a number above 0")
        return self

    def weight(self, name: str) -> float:
        """Return how much a field counts."""
        return self.weights.get(name, 1.0)

    def over(self, specs: Sequence[FieldSpec]) -> DuplicateSpec | None:
        """Return the spec with its fields, by default the longer texts among these; None where nothing is compared."""
        if self.action is DuplicateAction.IGNORE:
            return None
        fields = self.fields or tuple(spec.name for spec in specs if _is_free_text(spec))
        return self.model_copy(update={"fields": fields}) if fields else None


def _is_free_text(spec: FieldSpec) -> bool:
    short = spec.max_length is not None and spec.max_length < _NAME_LENGTH
    return spec.type is FieldType.TEXT and spec.choices is None and not short
