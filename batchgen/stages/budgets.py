"""Caps on costs: those of the budget file, and a job's own. Which of them a job's batches count against."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from batchgen.data_types import with_declaration
from batchgen.errors import InputError, InvalidSetting
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

    def __init__(self, path: Path | None, catalog: ModelCatalog, types_dir: Path) -> None:
        """Take the budget file; None: only jobs that set a cap for themselves have one."""
        self._path = path
        self._catalog = catalog
        self._types_dir = types_dir

    def of_job(self, job: Job, now: datetime) -> list[Cap]:
        """The caps that what a job sends now counts against. Raises InvalidSetting."""
        names = {
            "all": "",
            "job": job.job_id,
            "data_type": job.data_type,
            "model": self._catalog.facts(job.model).model_id,
        }
        rules = [rule for rule in self._rules({job.data_type}) if names[rule.scope[0]] == rule.scope[1]]
        return _strictest([*rules, *_own(job)], now)

    def all(self, jobs: Sequence[Job], now: datetime) -> list[Cap]:
        """Every cap of the file, and those of these jobs. Raises InvalidSetting."""
        own = [rule for job in jobs for rule in _own(job)]
        return _strictest([*self._rules({job.data_type for job in jobs}), *own], now)

    def _rules(self, data_types: Collection[str]) -> list[CapRule]:
        """The file's caps; a name that nothing has would cap nothing. `data_types`: those that jobs have already."""
        if self._path is None:
            return []
        try:
            given = yaml.safe_load(self._path.read_text(encoding="utf-8")) or {}
            return [self._as_known(rule, data_types) for rule in _BudgetFile.model_validate(given).caps]
        except (OSError, yaml.YAMLError, ValidationError, UnicodeDecodeError, RecursionError, InputError) as error:
            problem = " ".join(str(error).split())
            raise InvalidSetting(variable="BATCHGEN_BUDGETS", problem=problem) from error

    def _as_known(self, rule: CapRule, data_types: Collection[str]) -> CapRule:
        """The rule with the catalogue's own id of its model; raises UnknownModel, UnknownDataType."""
        if rule.data_type is not None and rule.data_type not in data_types:
            with_declaration(rule.data_type, {}, self._types_dir)
        return (
            rule if rule.model is None else rule.model_copy(update={"model": self._catalog.facts(rule.model).model_id})
        )


def _own(job: Job) -> Iterator[CapRule]:
    if job.max_cost_usd is not None:
        yield CapRule(job=job.job_id, max_usd=job.max_cost_usd)


def _strictest(rules: Sequence[CapRule], now: datetime) -> list[Cap]:
    """One cap for each sum: where several are given, the lowest."""
    caps = sorted((rule.cap(now) for rule in rules), key=lambda cap: -cap.nano)
    return list({cap.account: cap for cap in caps}.values())
