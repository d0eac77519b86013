"""One batch from validating to its end, as a generator: it works a slice, then says how long to leave it alone.

Every slice is short, so that one thread can run any number of batches side by side and a cancellation is seen soon.
Lines are read, answered and written one by one; what is held in memory is where each line stands in the file.
"""

import time
import zlib
from collections.abc import Generator
from http import HTTPStatus
from typing import Any, BinaryIO, Literal

import orjson

from batchgen.simulator.answers import Answer
from batchgen.simulator.api_errors import ApiError
from batchgen.simulator.asking import ask
from batchgen.simulator.batch_lines import InputLines, answering_order
from batchgen.simulator.batch_plan import BatchPlan
from batchgen.simulator.batch_records import BatchRecord
from batchgen.simulator.endpoints import build_body
from batchgen.simulator.request_bodies import check_body
from batchgen.simulator.result_files import ResultFiles, failure_of
from batchgen.simulator.state import SimulatorState
from batchgen.simulator.validation import InputCheck, batch_error

SLICE = 128
LONGEST_NAP = 0.1

Outcome = Literal["completed", "expired", "cancelled"]
Steps = Generator[float, None, None]


class BatchRun:
    """Runs ``record``; ``steps()`` yields the seconds until it wants to go on (0: at once)."""

    def __init__(self, state: SimulatorState, record: BatchRecord) -> None:
        self._state = state
        self._record = record
        self._plan = BatchPlan(record.faults)

    def steps(self) -> Steps:
        resumed = self._record.status in {"cancelling", "finalizing"}
        check = self._new_check()
        yield from self._read_input(check)
        if self._record.status == "validating":
            yield from self._pass_time("validating", self._state.config.validating_seconds)
            if self._failed(check):
                return
        if not self._begun(len(check.starts)):
            return
        with self._result_files() as results, self._input() as opened:
            lines = self._lines(opened, check)
            if resumed:
                yield from self._answer_again(lines, results)
            else:
                yield from self._answer(lines, results)
            yield from self._close(lines, results)
        self._publish(results)

    # validating

    def _new_check(self) -> InputCheck:
        config = self._state.config
        return InputCheck(
            endpoint=self._record.endpoint,
            models=frozenset(config.models),
            max_requests=config.max_requests,
            max_errors=config.max_errors,
        )

    def _input(self) -> BinaryIO:
        return self._state.batches.input_path(self._record.id).open("rb")

    def _read_input(self, check: InputCheck) -> Steps:
        with self._input() as opened:
            for number, raw in enumerate(opened):
                check.feed(raw)
                if check.done:
                    break
                if number % SLICE == 0:
                    yield 0.0
        check.finish()

    def _failed(self, check: InputCheck) -> bool:
        errors = self._plan.failure() or self._over_limits() or check.errors
        if not errors:
            return False
        with self._state.batches.lock:
            self._record.errors = errors
            self._move("failed")
        return True

    def _over_limits(self) -> list[dict[str, Any]]:
        state, record = self._state, self._record
        size = state.batches.input_path(record.id).stat().st_size
        if size > state.config.max_file_bytes:
            return [batch_error("file_too_large", size, state.config.max_file_bytes)]
        limit = state.config.enqueued_tokens.get(record.model or "")
        if limit is not None and state.batches.unfinished_tokens(record.model or "", up_to=record) > limit:
            return [batch_error("token_limit_exceeded", record.model, limit)]
        return []

    def _begun(self, total: int) -> bool:
        """False when it was cancelled while it was validated: it ends with no file at all."""
        with self._state.batches.lock:
            if self._record.status == "validating":
                self._record.total = total
                self._record.started = time.time()
                self._move("in_progress")
            elif not self._record.started:
                self._move("cancelled")
                return False
            return True

    # in_progress

    def _lines(self, opened: BinaryIO, check: InputCheck) -> InputLines:
        config = self._state.config
        seed = f"{config.seed}:{self._record.sequence}"
        order = answering_order(len(check.starts), shuffle=config.shuffle, seed=seed)
        return InputLines(opened.fileno(), check, order)

    def _result_files(self) -> ResultFiles:
        record, files = self._record, self._state.files
        return ResultFiles(
            output=files.new_result(record.id, "output"),
            error=files.new_result(record.id, "error"),
            ledger=self._state.billing.path(record.id),
            unique=record.id.removeprefix("batch_")[:16],
            missing=self._plan.count("missing_lines"),
            duplicates=self._plan.count("duplicate_lines"),
        )

    def _answer(self, lines: InputLines, results: ResultFiles) -> Steps:
        while (outcome := self._outcome(lines)) is None:
            allowed = min(self._paced(lines.total), self._plan.halt(lines.total), lines.done + SLICE)
            if allowed <= lines.done:
                yield self._nap(lines)
                continue
            self._answer_lines(lines, allowed, results)
            yield 0.0
        self._leave(outcome)

    def _answer_again(self, lines: InputLines, results: ResultFiles) -> Steps:
        """After a restart: what had been answered when the batch was cancelled or completed."""
        until = self._record.answered
        while lines.done < until:
            self._answer_lines(lines, min(until, lines.done + SLICE), results)
            yield 0.0

    def _answer_lines(self, lines: InputLines, until: int, results: ResultFiles) -> None:
        for raw in lines.take(until):
            self._answer_line(raw, results)
        record = self._record
        record.completed, record.failed, record.answered = results.completed, results.failed, lines.done

    def _answer_line(self, raw: bytes, results: ResultFiles) -> None:
        record, digest = self._record, zlib.crc32(raw)
        line = orjson.loads(raw)
        custom_id, body = line["custom_id"], line["body"]
        try:
            check_body(record.endpoint, body)
        except ApiError as refusal:
            results.refused(custom_id, refusal, Answer(), digest)
            return
        answer = ask(
            self._state, record.endpoint, body, custom_id=custom_id, batch_id=record.id, metadata=record.metadata
        )
        if answer.status >= HTTPStatus.BAD_REQUEST:
            results.refused(custom_id, failure_of(answer), answer, digest)
        elif answer.error_code is not None:
            results.broke(custom_id, answer.error_code, answer, digest)
        else:
            built = build_body(record.endpoint, body, answer, results.next_id())
            results.answered(custom_id, answer, built, digest)

    def _outcome(self, lines: InputLines) -> Outcome | None:
        """How the batch ends, once it is clear."""
        if self._record.status == "cancelling":
            return "cancelled"
        if time.time() >= self._record.expires_at or self._plan.reached("expire", lines.done, lines.total):
            return "expired"
        if self._plan.reached("cancel", lines.done, lines.total):
            return "cancelled"
        hangs = self._plan.hangs_at("in_progress")
        return "completed" if lines.done == lines.total and not hangs else None

    def _paced(self, total: int) -> int:
        """How many lines may be answered by now."""
        seconds = self._plan.seconds(self._state.config.batch_seconds)
        if seconds <= 0:
            return total
        return min(total, int(total * (time.time() - self._record.started) / seconds))

    def _nap(self, lines: InputLines) -> float:
        if lines.done >= self._plan.halt(lines.total):
            return max(0.0, self._record.expires_at - time.time())
        return min(LONGEST_NAP, self._plan.seconds(self._state.config.batch_seconds) / 50)

    def _leave(self, outcome: Outcome) -> None:
        """Answering has ended: cancelling or finalizing."""
        with self._state.batches.lock:
            self._record.outcome = outcome
            if self._record.status != "cancelling":
                self._move("cancelling" if outcome == "cancelled" else "finalizing")
            else:
                self._state.batches.save(self._record)

    # finalizing

    def _close(self, lines: InputLines, results: ResultFiles) -> Steps:
        record = self._record
        outcome = record.outcome or "cancelled"
        if outcome != "completed":
            code = f"batch_{outcome}"
            for number, raw in enumerate(lines.take(lines.total)):
                results.unfinished(orjson.loads(raw)["custom_id"], code)
                if number % SLICE == 0:
                    yield 0.0
        results.unknown(record.endpoint, record.model or "", self._plan.count("unknown_lines"))
        results.flush()
        yield from self._pass_time("finalizing", self._state.config.finalizing_seconds)

    def _publish(self, results: ResultFiles) -> None:
        record = self._record
        record.usage = results.usage.as_response_usage()
        record.output_file_id = self._publish_file("output", even_empty=False)
        if self._plan.has("empty_error_file"):
            self._state.files.new_result(record.id, "error").write_bytes(b"")
            record.error_file_id = self._publish_file("error", even_empty=True)
        else:
            record.error_file_id = self._publish_file("error", even_empty=False)
        with self._state.batches.lock:
            late = record.status == "cancelling" and record.outcome != "expired"  # cancelled while it was finalizing
            self._move("cancelled" if late else record.outcome or "cancelled")

    def _publish_file(self, role: str, *, even_empty: bool) -> str | None:
        record, files = self._record, self._state.files
        part = files.new_result(record.id, role)
        if part.stat().st_size == 0 and not even_empty:
            part.unlink()
            return None
        name = f"{record.id}_{role}.jsonl"
        return files.add(part, filename=name, purpose="batch_output", batch_id=record.id, role=role).id

    # all along

    def _pass_time(self, status: str, seconds: float) -> Steps:
        """Stay in ``status`` for some time, or until the batch is cancelled or expires where it hangs."""
        record = self._record
        until = time.time() + seconds
        while time.time() < until or (self._plan.hangs_at(status) and record.status == status):
            if status == "validating" and record.status == "cancelling":
                return
            if time.time() >= record.expires_at:
                return
            yield max(0.0, min(until, record.expires_at) - time.time()) or LONGEST_NAP

    def _move(self, status: str) -> None:
        """Hold the lock of the batches."""
        self._record.status = status
        self._record.stamps[status] = int(time.time())
        self._state.batches.save(self._record)
