"""Judges an iteration: every record that was asked gets its verdict, in one pass over the batch.

Pure but for the files it is given and writes: the same files give the same results, however often it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from batchgen.data_types import get_data_type, parse_options
from batchgen.data_types.contract import Accepted, Comparison, Record, Refused, Result, ResultStrategy, Workplace
from batchgen.lifecycle import DRY_ITERATIONS_LIMIT
from batchgen.models import Batch, Iteration, ProcessedBatchData, Usage, ValidationProblem
from batchgen.openai_client.answers import UNANSWERED_CODES, Answer, Failure, read_line
from batchgen.openai_client.prices import PriceList
from batchgen.stages.answer_index import AnswerIndex
from batchgen.stages.ledger import (
    BAD_SOURCE_ROW,
    LedgerEntry,
    LedgerFiles,
    LedgerWriter,
    RecordState,
    Standing,
    accepted_results,
    walk,
)
from batchgen.stages.lookahead import in_order
from batchgen.stages.meter import Meter
from batchgen.stages.resend import ResendWriter

MISSING = Failure("missing_answer", "OpenAI returned no line for this request", own=False)
NOT_NAMED = Failure("batch_refused", "OpenAI refused the file for other lines of it", own=False)
_NOT_FOR_THE_MODEL = frozenset({"content_filter"})


@dataclass(frozen=True, slots=True)
class Settled:
    """What an iteration came to."""

    data: ProcessedBatchData
    next_iteration: Iteration | None
    requests_path: Path
    answers: int
    usage: Usage
    cost_usd: Decimal
    simulated: bool
    dry_iterations: int
    duplicates: int
    unknown: int


def settle(
    batch: Batch,
    before: LedgerFiles,
    folder: Path,
    *,
    output: Path | None,
    errors: Path | None,
    prices: PriceList,
    count_tokens: Callable[[bytes], int] | None = None,
    workplace: Workplace | None = None,
    elsewhere: Callable[[], Iterator[Result]] = lambda: iter(()),
) -> Settled:
    """Judge what OpenAI returned for the current iteration, or the refusal of its file, and write it into `folder`.

    `elsewhere` yields what the other batches of the job have accepted, for data types that compare answers.
    """
    data_type = get_data_type(batch.data_type, batch.options)
    options = parse_options(data_type, batch.options)
    generator = data_type.prompt_generator(options)
    strategy = data_type.result_strategy(options, workplace)
    compared = strategy.comparison(folder) if output is not None else None
    with (
        AnswerIndex(batch.batch_id, batch.records, output, errors) as index,
        LedgerWriter(batch.batch_id, folder) as writer,
        ResendWriter(batch, folder, generator, count_tokens) as resend,
        compared or nullcontext() as comparison,
    ):
        dry = _dry_iterations(batch, index)
        meter = Meter(prices)
        judge = _Judge(batch, strategy, index, meter, dry_counts=dry >= DRY_ITERATIONS_LIMIT)
        if comparison is not None:
            _tell(comparison, before, elsewhere)
        for judged in in_order(_standings(before, judge), strategy.parallel):
            verdict = judged if isinstance(judged, _Verdict) else judge.verdict(judged, comparison)
            _write(verdict, writer, resend)
        data = writer.finish(f"{batch.iteration}/processed")
        if data.records != batch.records:
            raise AssertionError(f"{data.records} records are accounted for, {batch.records} were sent")
        return Settled(
            data=data,
            next_iteration=resend.finish(),
            requests_path=resend.path,
            answers=judge.answers,
            usage=meter.usage,
            cost_usd=meter.cost,
            simulated=judge.simulated,
            dry_iterations=0 if dry >= DRY_ITERATIONS_LIMIT else dry,
            duplicates=index.duplicates,
            unknown=index.unknown,
        )


@dataclass(slots=True)  # not frozen: made once for every record
class _Verdict:
    """A result line with the record's history, or the entry of a record that is not accepted; the record, if asked."""

    entry: LedgerEntry | None
    result: bytes | None
    record: Record | None = None


@dataclass(slots=True)
class _Judged:
    """An answer with what is said of it by itself, not yet held against others."""

    answer: Answer
    judged: Accepted | Refused
    standing: Standing
    record: Record


def _tell(comparison: Comparison, before: LedgerFiles, elsewhere: Callable[[], Iterator[Result]]) -> None:
    """Tell of what is accepted: first by this batch, then by others, as many as can be known."""
    for result in accepted_results(before):
        comparison.know(result)
    for result in elsewhere():
        if not comparison.know(result):
            break


def _standings(before: LedgerFiles, judge: _Judge) -> Iterator[Callable[[], _Verdict | _Judged]]:
    """Yield what gives each record its verdict: what is known by now, or the judgement of its answer."""
    for standing in walk(before):
        if standing.entry is not None and standing.entry.state is not RecordState.OPEN:
            yield _known(_Verdict(standing.entry, standing.result))
            continue
        fields = orjson.loads(standing.record)
        record = Record(fields["record_id"], fields["data"])
        if standing.result is not None:
            yield _known(_Verdict(None, standing.result))
        elif standing.entry is None and "problem" in fields:
            yield _known(_Verdict(_bad_row(standing.row, record, fields["problem"]), None))
        else:
            yield judge.judgement(standing, record)


def _known(verdict: _Verdict) -> Callable[[], _Verdict]:
    return lambda: verdict


def _write(verdict: _Verdict, writer: LedgerWriter, resend: ResendWriter) -> None:
    if verdict.result is not None:
        writer.accept(verdict.result, verdict.entry)
    elif verdict.entry is not None:
        writer.keep(verdict.entry)
        if verdict.entry.state is RecordState.OPEN and verdict.record is not None:
            resend.add(verdict.entry, verdict.record)


class _Judge:
    """Gives each asked record its verdict and counts what its answers cost. Judgements may run in other threads."""

    def __init__(
        self,
        batch: Batch,
        strategy: ResultStrategy[Any],
        index: AnswerIndex,
        meter: Meter,
        *,
        dry_counts: bool,
    ) -> None:
        self._batch = batch
        self._strategy = strategy
        self._index = index
        self._meter = meter
        self._dry_counts = dry_counts
        self._problems = batch.current.validation_errors
        # A line that the file does not have names nobody.
        lines = range(1, batch.current.requests + 1)
        self._named = {problem.line: problem for problem in self._problems if problem.line in lines}
        self._line = 0
        self.answers = 0
        self.simulated = False

    def judgement(self, standing: Standing, record: Record) -> Callable[[], _Verdict | _Judged]:
        """Find and count the answer; the returned call judges it."""
        self._line += 1
        if self._line > self._batch.current.requests:  # it found no room in the model's queue
            return _known(_Verdict(standing.entry or _fresh(standing.row, record), None, record))
        outcome = self._outcome(standing.row)
        if isinstance(outcome, Answer):
            self._count(outcome)
            return partial(self._judge, outcome, standing, record)
        if outcome.usage is not None:
            self._meter.add_usage(outcome.usage)
        return _known(_Verdict(self._unanswered(outcome, standing, record), None, record))

    def _unanswered(self, outcome: Failure, standing: Standing, record: Record) -> LedgerEntry:
        entry = standing.entry or _fresh(standing.row, record)
        if outcome.own or self._dry_counts:
            return entry.after_failed_try(
                ends_as=RecordState.FAILED,
                reason=outcome.code,
                detail=outcome.message,
                output=None,
                helps=False,
                max_retries=self._batch.max_retries,
                evidence=entry.evidence,
            )
        if entry.helps_next_try:  # what was wrong with the last answer still holds
            return entry
        return replace(entry, state=RecordState.OPEN, reason=outcome.code, detail=outcome.message, output=None)

    def _outcome(self, row: int) -> Answer | Failure:
        if self._problems:
            # Lines count from 1 in the file that was refused, which held the asked records in this order.
            problem = self._named.get(self._line) if self._named else self._problems[0]
            return NOT_NAMED if problem is None else _as_failure(problem)
        line = self._index.line(row)
        return MISSING if line is None else read_line(line, self._batch.endpoint)[1]

    def _judge(self, answer: Answer, standing: Standing, record: Record) -> _Judged:
        if answer.problem is not None:
            judged: Accepted | Refused = Refused(
                answer.problem, answer.detail, answer.problem not in _NOT_FOR_THE_MODEL
            )
        else:
            former = None if standing.entry is None else standing.entry.feedback()
            judged = self._strategy.judge(record, answer.text, former)
        return _Judged(answer, judged, standing, record)

    def verdict(self, found: _Judged, comparison: Comparison | None) -> _Verdict:
        """What an answer comes to, held against those that were accepted before; called in the order of the source."""
        judged, standing, record = found.judged, found.standing, found.record
        if isinstance(judged, Accepted) and comparison is not None:
            judged = comparison.judge(Result(record, judged.output, self._batch.iteration)) or judged
        if isinstance(judged, Accepted):
            fields = {"record_id": record.record_id, "output": judged.output, "iteration": self._batch.iteration}
            return _Verdict(_accepted(standing.entry), orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE))
        entry = standing.entry or _fresh(standing.row, record)
        refused = entry.after_failed_try(
            ends_as=RecordState.REFUSED,
            reason=judged.reason,
            detail=judged.detail,
            output=found.answer.text,
            helps=judged.helps_next_try,
            max_retries=self._batch.max_retries,
            evidence=judged.evidence,
            final=judged.final,
        )
        return _Verdict(refused, None, record)

    def _count(self, answer: Answer) -> None:
        self.answers += 1
        self.simulated = self.simulated or answer.simulated
        self._meter.add(
            answer.input_tokens,
            answer.cached_input_tokens,
            answer.output_tokens,
            answer.reasoning_tokens,
            answer.cache_write_tokens,
        )


def _dry_iterations(batch: Batch, index: AnswerIndex) -> int:
    """How many iterations running, this one included, came back without an answer; a refused file tells nothing."""
    if batch.current.validation_errors:
        return batch.dry_iterations
    return 0 if index.answered else batch.dry_iterations + 1


def _as_failure(problem: ValidationProblem) -> Failure:
    code = problem.code if problem.code not in UNANSWERED_CODES else "invalid_request"
    return Failure(code, problem.message, own=True)


def _fresh(row: int, record: Record) -> LedgerEntry:
    return LedgerEntry(row, record.record_id, RecordState.OPEN, 0, "", "")


def _accepted(entry: LedgerEntry | None) -> LedgerEntry | None:
    if entry is None:
        return None
    return LedgerEntry(entry.row, entry.record_id, RecordState.ACCEPTED, entry.tries, entry.reason, "")


def _bad_row(row: int, record: Record, problem: str) -> LedgerEntry:
    return LedgerEntry(row, record.record_id, RecordState.FAILED, 0, BAD_SOURCE_ROW, problem)
