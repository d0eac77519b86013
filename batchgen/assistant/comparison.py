"""Two models, jobs or strategies side by side: every value is stored or computed, none is a model's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from batchgen.assistant.stored_facts import StoredFacts, model_facts
from batchgen.data_types.declared.declaration import Declaration, parse_declaration
from batchgen.data_types.declared.generator import instructions
from batchgen.data_types.structured.answer import AnswerForm
from batchgen.openai_client.manager import OpenAIClientManager
from batchgen.openai_client.tokens import count_tokens


class Compared(StrEnum):
    """What can stand side by side."""

    MODELS = "models"
    """By their ids."""
    JOBS = "jobs"
    """By their ids."""
    STRATEGIES = "strategies"
    """Declared types, as YAML."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two things by the same properties."""

    kind: Compared
    left: str
    right: str
    rows: tuple[tuple[str, Any, Any], ...]
    """Property, left, right."""

    def facts(self) -> dict[str, Any]:
        """The comparison as JSON holds it."""
        rows = [{"property": name, "left": left, "right": right} for name, left, right in self.rows]
        return {"kind": self.kind.value, "left": self.left, "right": self.right, "rows": rows}


class Comparer:
    """Raises UnknownModel, JobNotFound, InvalidDeclaration."""

    def __init__(self, facts: StoredFacts, manager: OpenAIClientManager) -> None:
        """Take where jobs and models are known."""
        self._facts = facts
        self._manager = manager

    def compare(self, kind: Compared, left: str, right: str) -> Comparison:
        """Return both by the properties that either has."""
        read: dict[Compared, Callable[[str, str], tuple[str, dict[str, Any]]]] = {
            Compared.MODELS: lambda name, _: (name, model_facts(self._manager.get_model_config(name))),
            Compared.JOBS: lambda name, _: (name, _flat(self._facts.job(name))),
            Compared.STRATEGIES: _strategy,
        }
        (left_name, ours), (right_name, theirs) = read[kind](left, "left"), read[kind](right, "right")
        names = dict.fromkeys((*ours, *theirs))
        return Comparison(
            kind, left_name, right_name, tuple((name, ours.get(name), theirs.get(name)) for name in names)
        )


def _flat(job: dict[str, Any]) -> dict[str, Any]:
    flat = {name: value for name, value in job.items() if not isinstance(value, dict | list)}
    flat |= job.get("usage") or {}
    return flat | {f"reason {reason}": count for reason, count in (job.get("reasons") or {}).items()}


def _strategy(text: str, side: str) -> tuple[str, dict[str, Any]]:
    declaration = parse_declaration(text, f"the {side} strategy")
    return declaration.name, strategy_facts(declaration)


def strategy_facts(declaration: Declaration) -> dict[str, Any]:
    """What there is to know of a declared type, tokens counted."""
    form = AnswerForm(declaration.unchanged, declaration.fields)
    return {
        "name": declaration.name,
        "model": declaration.model,
        "columns": list(declaration.required_columns()),
        "unchanged": list(declaration.unchanged),
        "fields": [f"{spec.name}: {spec.type.value}" for spec in declaration.fields],
        "rules": declaration.rules.in_words(),
        "max_retries": declaration.max_retries,
        "max_output_tokens": declaration.max_output_tokens,
        "instruction_tokens": count_tokens(instructions(declaration)),
        "template_tokens": count_tokens(declaration.prompt),
        "schema_tokens": count_tokens(str(form.schema)),
    }
