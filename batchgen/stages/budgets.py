"""Caps on costs: those of the budget file, and a job's own. Which of them a job's batches count against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from batchgen.errors import InvalidSetting, UnknownModel
from batchgen.models import Job
from batchgen.money import nano
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.storage.batch_ids import Cap
from batchgen.storage.cost_entries import account, month_of

Scope = Literal["all", "model", "data_type", "job"]


class CapRule(BaseModel):
    """One cap of the budget file: on a job, a data type, a model or, where none is named, on everything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_usd: Decimal = Field(gt=0)
    job: str | None = Field(None, min_length=1)
    data_type: str | None = Field(None, min_length=1)
    model: str | None = Field(None, min_length=1)
    per: Literal["month", "ever"] | None = None
    """Each calendar month in UTC (the default), or all time (the default and only one for a job)."""

    @model_validator(mode="after")
    def _one_scope(self) -> CapRule:
        if sum(name is not None for name in (self.job, self.data_type, self.model)) > 1:
            raise ValueError("a cap names a job, a data_type or a model, not several")
        if self.job is not None and self.per == "month":
            raise ValueError("a job's cap is for the whole job")
        return self

    @property
    def scope(self) -> tuple[Scope, str]:
        """What is capped, and its name."""
        for scope, name in (("job", self.job), ("data_type", self.data_type), ("model", self.model)):
            if name is not None:
                return scope, name  # type: ignore[return-value]  # mypy takes the literals of a tuple for any text
        return "all", ""

    def cap(self, now: datetime) -> Cap:
        """The cap as the cost ledger takes it."""
        scope, name = self.scope
        month = None if scope == "job" or self.per == "ever" else month_of(now)
        what = "everything" if scope == "all" else f"{scope.replace('_', ' ')} {name}"
        return Cap(account(scope, name, month), nano(self.max_usd), what if month is None else f"{what} in {month}")


class _BudgetFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    caps: tuple[CapRule, ...] = ()


class Budgets:
    """The caps as they are now: the file is read anew each time, so that a raised cap needs no restart."""

    def __init__(self, path: Path | None, catalog: ModelCatalog) -> None:
        """Take the budget file; None: only jobs that set a cap for themselves have one."""
        self._path = path
        self._catalog = catalog

    def of_job(self, job: Job, now: datetime) -> list[Cap]:
        """The caps that what a job sends now counts against. Raises InvalidSetting."""
        names = {
            "all": "",
            "job": job.job_id,
            "data_type": job.data_type,
            "model": self._catalog.facts(job.model).model_id,
        }
        rules = [rule for rule in self._rules() if names[rule.scope[0]] == self._named(*rule.scope)]
        return _strictest([*rules, *_own(job)], now)

    def all(self, jobs: Sequence[Job], now: datetime) -> list[Cap]:
        """Every cap of the file, and those of these jobs. Raises InvalidSetting."""
        own = [rule for job in jobs for rule in _own(job)]
        return _strictest([*self._rules(), *own], now)

    def _named(self, scope: Scope, name: str) -> str:
        """A model by the catalogue's own id; raises UnknownModel."""
        return self._catalog.facts(name).model_id if scope == "model" else name

    def _rules(self) -> list[CapRule]:
        if self._path is None:
            return []
        try:
            given = yaml.safe_load(self._path.read_text(encoding="utf-8")) or {}
            return [self._as_known(rule) for rule in _BudgetFile.model_validate(given).caps]
        except (OSError, yaml.YAMLError, ValidationError, UnicodeDecodeError, RecursionError, UnknownModel) as error:
            problem = " ".join(str(error).split())
            raise InvalidSetting(variable="BATCHGEN_BUDGETS", problem=problem) from error

    def _as_known(self, rule: CapRule) -> CapRule:
        return rule if rule.model is None else rule.model_copy(update={"model": self._named("model", rule.model)})


def _own(job: Job) -> Iterator[CapRule]:
    if job.max_cost_usd is not None:
        yield CapRule(job=job.job_id, max_usd=job.max_cost_usd)


def _strictest(rules: Sequence[CapRule], now: datetime) -> list[Cap]:
    """One cap for each sum: where several are given, the lowest."""
    caps = sorted((rule.cap(now) for rule in rules), key=lambda cap: -cap.nano)
    return list({cap.account: cap for cap in caps}.values())
