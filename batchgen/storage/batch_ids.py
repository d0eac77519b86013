"""`BatchIdManager`: jobs and batches in Redis. One mover at a time: every change needs the batch's lease."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.client import Pipeline
from redis.commands.core import Script
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from batchgen.errors import (
    BatchBusy,
    BatchNotFound,
    CapReached,
    InvalidSetting,
    JobNotFound,
    LeaseLost,
    QueueFull,
    StateLost,
    StatusChanged,
    Unavailable,
)
from batchgen.lifecycle import BatchStatus, check_transition
from batchgen.models import Batch, Job
from batchgen.money import dollars, usd
from batchgen.storage import scripts
from batchgen.storage.cost_entries import CostEntry, entries_of, parse_line, typical_answers, typical_output
from batchgen.storage.keys import Keys
from batchgen.storage.lease import Lease
from batchgen.storage.redis_errors import redis_errors

PAGE = 100
NO_EPOCH = ""
_MOST_EXACT = 2**53
"""Nano-dollars that Lua's numbers hold exactly, 9 million dollars: a cap above caps nothing."""
_LEARNT_LIMIT_S = 24 * 60 * 60
"""How long a limit that a refusal stated is believed: accounts rise to higher tiers."""
_LOOK_AGAIN_S = 0.1
_AT_ONCE = 500
"""Entries of the ledger in one answer."""


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that a running sum of the cost ledger may be, and what people call it."""

    account: str
    nano: int
    label: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some batches of a listing, oldest first, and the cursor of the next page (None: this was the last)."""

    batches: tuple[Batch, ...]
    next_cursor: str | None


def connect(url: str) -> Redis:
    """A client with bounded retries for faults of seconds; opens no connection yet. Raises InvalidSetting."""
    retry = Retry(ExponentialBackoff(cap=1, base=0.05), retries=3)
    try:
        return Redis.from_url(
            url,
            decode_responses=True,
            retry=retry,
            retry_on_error=[RedisConnectionError],
            socket_connect_timeout=5,
            socket_timeout=30,
            health_check_interval=30,
        )
    except ValueError:  # its message, and so its trace, may quote the password
        raise InvalidSetting(variable="REDIS_URL", problem="it is no redis://, rediss:// or unix:// address") from None


class BatchIdManager:
    """Creates, reads, lists, moves and deletes batches. Safe to use from threads and from many processes at once.

    Every answer and every write belongs to an epoch, a life of this Redis. Where Redis has no epoch, or another one
    than at first, it was emptied: all raise StateLost then, and nothing is written.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        prefix: str = "batchgen",
        lease_s: float = 30.0,
        holds_jobs: Callable[[], bool] | None = lambda: False,
    ) -> None:
        """Take a client that decodes responses; `lease_s` is how long a dead worker's claim lasts.

        `holds_jobs` tells whether S3 holds jobs of this installation: a Redis without an epoch has lost them then, and
        is new otherwise. None: nobody can tell, so no epoch begins here.
        """
        self._redis = redis
        self._keys = Keys(prefix)
        self._holds_jobs = holds_jobs
        self._known_epoch: str | None = None
        self.lease_s = lease_s
        self._create_job = self._script(scripts.CREATE_JOB)
        self._write_batch = self._script(scripts.WRITE_BATCH)
        self._renew_lease = self._script(scripts.RENEW_LEASE)
        self._release_lease = self._script(scripts.RELEASE_LEASE)
        self._delete_batch = self._script(scripts.DELETE_BATCH)
        self._replace_job = self._script(scripts.REPLACE_JOB)
        self._book_costs = self._script(scripts.BOOK_COSTS)

    def _script(self, source: str) -> Script:
        return self._redis.register_script(source)

    @property
    def address(self) -> str:
        """Where Redis is, without its password, for messages."""
        where = self._redis.connection_pool.connection_kwargs
        place = where.get("path") or f"{where.get('host')}:{where.get('port')}"
        return f"{place}, database {where.get('db', 0)}, prefix {self._keys.prefix}"

    def ping(self) -> None:
        """Raise Unavailable or AccessDenied unless Redis answers."""
        with redis_errors():
            self._redis.ping()

    def check_epoch(self) -> None:
        """Raise StateLost unless Redis is what it was when this worker first asked."""
        self._ask(lambda _: None)

    def create_job(self, job: Job, batches: list[Batch]) -> bool:
        """Record a job and all its batches in one step; False (and nothing written) if the job id is taken."""
        keys = [self._keys.epoch(), self._keys.job(job.job_id), self._keys.all_jobs()]
        keys += [self._keys.ledger(), self._keys.sums()]
        values: list[str | float] = [self._epoch(), job.model_dump_json(), _member(job.created_at, job.job_id)]
        for batch in batches:
            keys += [self._keys.batch(batch.batch_id), self._keys.due(), self._keys.enqueued(batch.model)]
            keys += self._indexes(batch)
            due = _due_score(batch)
            values += [batch.model_dump_json(), batch.status, _batch_member(batch), "" if due is None else due]
            values += [_enqueued(batch), batch.batch_id, _entries(batch)]
        with redis_errors():
            [answer] = self._create_job(keys=keys, args=values)
        if answer == "epoch":
            raise self._lost("it was emptied meanwhile")
        return bool(answer == "ok")

    def get(self, batch_id: str) -> Batch:
        """Return a batch; raises BatchNotFound."""
        [doc] = self._ask(lambda pipe: pipe.hget(self._keys.batch(batch_id), "doc"))
        if doc is None:
            raise BatchNotFound(batch_id)
        return Batch.model_validate_json(doc)

    def find_job(self, job_id: str) -> Job | None:
        """Return a job, or None if there is none."""
        [doc] = self._ask(lambda pipe: pipe.get(self._keys.job(job_id)))
        return None if doc is None else Job.model_validate_json(doc)

    def get_job(self, job_id: str) -> Job:
        """Return a job; raises JobNotFound."""
        job = self.find_job(job_id)
        if job is None:
            raise JobNotFound(job_id)
        return job

    def job_batches(self, job_id: str) -> list[Batch]:
        """All batches of a job, in their order; raises JobNotFound."""
        job = self.get_job(job_id)
        return self._read(list(job.batch_ids))

    def page(
        self,
        *,
        status: BatchStatus | None = None,
        data_type: str | None = None,
        job_id: str | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> Page:
        """A page of the batches that match, oldest first: read from an index, never by a scan over keys.

        A page of a job in a status may hold less than `limit` though another follows.
        """
        index = self._index(status, data_type, job_id)
        start = "-" if cursor is None else f"({cursor}"
        members = self._range(index, start, "+", "BYLEX", "LIMIT", 0, limit)
        batches = self._read([_id_of(member) for member in members])
        if job_id is not None:
            batches = [
                each for each in batches if status in {None, each.status} and data_type in {None, each.data_type}
            ]
        return Page(tuple(batches), members[-1] if len(members) == limit else None)

    def iterate(
        self, *, status: BatchStatus | None = None, data_type: str | None = None, job_id: str | None = None
    ) -> Iterator[Batch]:
        """Every batch that matches, page by page."""
        cursor: str | None = None
        while True:
            page = self.page(status=status, data_type=data_type, job_id=job_id, cursor=cursor)
            yield from page.batches
            cursor = page.next_cursor
            if cursor is None:
                return

    def due(self, now: datetime, *, limit: int = 1_000) -> list[str]:
        """Ids of PENDING batches that need not wait any longer, longest due first."""
        members = self._range(self._keys.due(), "-inf", _ms(now), "BYSCORE", "LIMIT", 0, limit)
        return [_id_of(member) for member in members]

    def counts(self) -> dict[BatchStatus, int]:
        """How many batches are in each status."""
        found = self._ask(lambda pipe: [pipe.zcard(self._keys.by_status(status)) for status in BatchStatus])
        return dict(zip(BatchStatus, found, strict=True))

    def jobs(self, *, limit: int = PAGE) -> list[Job]:
        """The newest jobs, newest first."""
        members = self._range(self._keys.all_jobs(), "+", "-", "BYLEX", "REV", "LIMIT", 0, limit)
        docs = self._ask(lambda pipe: [pipe.get(self._keys.job(_id_of(member))) for member in members])
        return [Job.model_validate_json(doc) for doc in docs if doc is not None]

    @contextmanager
    def lease(self, batch_id: str, *, patience_s: float = 0.0) -> Iterator[Lease]:
        """Claim a batch while the block runs; raises BatchBusy if another worker holds it for longer than patience."""
        token, key, life_ms = secrets.token_hex(16), self._keys.lease(batch_id), int(self.lease_s * 1_000)
        patient_until = time.monotonic() + patience_s
        while True:
            asked_at = time.monotonic()
            with redis_errors():
                # Asked again after a lost answer, the set finds our own token.
                claimed = self._redis.set(key, token, nx=True, px=life_ms) or self._redis.get(key) == token
            if claimed:
                break
            if asked_at >= patient_until:
                raise BatchBusy(batch_id)
            time.sleep(_LOOK_AGAIN_S)
        lease = Lease(
            batch_id,
            token,
            claimed_at=asked_at,
            life_s=self.lease_s,
            renew=lambda: self._renewed(key, token, life_ms),
        )
        lease.start()
        try:
            yield lease
        finally:
            lease.stop()
            # A claim that cannot be given back ends by itself; what the block did or raised counts.
            with suppress(Unavailable), redis_errors():
                self._release_lease(keys=[key], args=[token])

    def save(self, batch: Batch, lease: Lease, *, enqueued_limit: int | None = None, caps: Sequence[Cap] = ()) -> Batch:
        """Write a batch whose status stays; raises LeaseLost, StatusChanged, BatchNotFound, StateLost.

        With a limit also QueueFull, where the batches that OpenAI has of this model leave no room for the tokens
        of this one; a batch alone always has room. With caps also CapReached, where what is spent and reserved by now
        leaves no room for what this batch adds: one step, so that no two batches take the same room.
        """
        return self._write(batch, lease, before=batch.status, enqueued_limit=enqueued_limit, caps=caps)

    def replace_job(self, job: Job, lease: Lease) -> Job:
        """Write a job anew; the lease is that of its id. Raises LeaseLost, JobNotFound, StateLost."""
        keys = [self._keys.epoch(), self._keys.lease(job.job_id), self._keys.job(job.job_id)]
        with redis_errors():
            [answer] = self._replace_job(keys=keys, args=[self._epoch(), lease.token, job.model_dump_json()])
        match answer:
            case "ok":
                return job
            case "epoch":
                raise self._lost("it was emptied meanwhile")
            case "lease":
                raise LeaseLost(job.job_id)
        raise JobNotFound(job.job_id)

    def move(self, batch: Batch, after: BatchStatus, lease: Lease) -> Batch:
        """Write a batch and move it to another status in one step: compare and set.

        Raises InvalidTransition, LeaseLost, StatusChanged, BatchNotFound, StateLost; nothing is written then.
        """
        check_transition(batch.status, after)
        return self._write(batch.model_copy(update={"status": after}), lease, before=batch.status)

    def learn_enqueued_limit(self, model: str, limit: int) -> None:
        """Remember for a day how many tokens of a model this account may have enqueued."""
        with redis_errors():
            self._redis.set(self._keys.enqueued_limit(model), limit, ex=_LEARNT_LIMIT_S)

    def learnt_enqueued_limit(self, model: str) -> int | None:
        """The limit that a refusal stated within the last day, or None."""
        [limit] = self._ask(lambda pipe: pipe.get(self._keys.enqueued_limit(model)))
        return None if limit is None else int(limit)

    def book(self, entry: CostEntry) -> None:
        """Put an ordinary call's entry into the cost ledger; the same one again changes nothing. Raises StateLost."""
        keys = [self._keys.epoch(), self._keys.ledger(), self._keys.sums()]
        with redis_errors():
            done = self._book_costs(keys=keys, args=[self._epoch(), orjson.dumps({entry.field: entry.line()}).decode()])
        if not done:
            raise self._lost("it was emptied while this worker ran")

    def costs(self) -> Iterator[CostEntry]:
        """Every entry of the cost ledger, in no order, read bit by bit; one that changes meanwhile may come twice."""
        cursor = 0
        while True:
            scan = partial(_scan, name=self._keys.ledger(), cursor=cursor)
            [[cursor, found]] = self._ask(scan)
            yield from (parse_line(line) for line in found.values())
            if not cursor:
                return

    def sums(self, names: Sequence[str]) -> list[int]:
        """Running sums over the cost ledger, see cost_entries: nano-dollars, answers or tokens."""
        if not names:
            return []
        [found] = self._ask(lambda pipe: pipe.hmget(self._keys.sums(), list(names)))
        return [int(value or 0) for value in found]

    def typical_output(self, data_type: str, model: str) -> float | None:
        """Output tokens of an average answer so far of a data type and model; None before the first."""
        answers, tokens = self.sums([typical_answers(data_type, model), typical_output(data_type, model)])
        return tokens / answers if answers else None

    def for_recovery(self) -> BatchIdManager:
        """The same Redis as it is now, with or without an epoch, for the one that rebuilds it."""
        with redis_errors():
            found = self._redis.get(self._keys.epoch())
        manager = BatchIdManager(self._redis, prefix=self.prefix, lease_s=self.lease_s)
        manager._known_epoch = NO_EPOCH if found is None else str(found)
        return manager

    def begin_epoch(self) -> None:
        """Shut out every worker that knows an older epoch; the state is whole now."""
        epoch = secrets.token_hex(8)
        with redis_errors():
            self._redis.set(self._keys.epoch(), epoch)
        self._known_epoch = epoch

    @property
    def prefix(self) -> str:
        """First part of every key."""
        return self._keys.prefix

    @property
    def has_epoch(self) -> bool:
        """Whether Redis had an epoch when this manager first asked."""
        return self._epoch() != NO_EPOCH

    def replace(self, batch: Batch, lease: Lease, *, found: BatchStatus) -> Batch:
        """Write a batch as S3 knows it over what Redis has, whatever the lifecycle says; for recovery alone."""
        return self._write(batch, lease, before=found)

    def delete(self, batch_id: str) -> None:
        """Forget a batch, and with its last batch the job; objects in S3 stay. Raises BatchNotFound, BatchBusy."""
        batch = self.get(batch_id)
        job = self.get_job(batch.job_id)
        with self.lease(batch_id) as lease, redis_errors():
            indexes = [self._keys.due(), self._keys.all_batches(), self._keys.by_data_type(batch.data_type)]
            indexes += [self._keys.by_status(status) for status in BatchStatus]
            indexes += [self._keys.by_data_type_and_status(batch.data_type, status) for status in BatchStatus]
            job_keys = [self._keys.job(job.job_id), self._keys.all_jobs(), self._keys.enqueued(batch.model)]
            own = [self._keys.batch(batch_id), self._keys.lease(batch_id), *job_keys]
            own += [self._keys.ledger(), self._keys.sums(), self._keys.by_job(job.job_id)]
            values = [lease.token, _member(job.created_at, job.job_id), batch_id, _entries(_never_sent(batch))]
            if not self._delete_batch(keys=[*own, *indexes], args=values):
                raise LeaseLost(batch_id)

    def _write(
        self,
        batch: Batch,
        lease: Lease,
        *,
        before: BatchStatus,
        enqueued_limit: int | None = None,
        caps: Sequence[Cap] = (),
    ) -> Batch:
        batch = batch.model_copy(update={"updated_at": datetime.now(UTC)})
        due = _due_score(batch)
        keys = [
            self._keys.batch(batch.batch_id),
            self._keys.lease(batch.batch_id),
            self._keys.due(),
            self._keys.by_status(before),
            self._keys.by_status(batch.status),
            self._keys.by_data_type_and_status(batch.data_type, before),
            self._keys.by_data_type_and_status(batch.data_type, batch.status),
            self._keys.epoch(),
            self._keys.enqueued(batch.model),
            self._keys.ledger(),
            self._keys.sums(),
        ]
        values = [lease.token, before, batch.status, batch.model_dump_json(), "" if due is None else due]
        values += [self._epoch(), batch.batch_id, _enqueued(batch), enqueued_limit or ""]
        limits = [[cap.account, min(cap.nano, _MOST_EXACT)] for cap in caps]
        values += [_entries(batch), orjson.dumps(limits).decode()]
        with redis_errors():
            answer: list[Any] = self._write_batch(keys=keys, args=values)
        match answer:
            case ["ok"]:
                return batch
            case ["epoch"]:
                raise self._lost("it was emptied while this worker had the batch")
            case ["lease"]:
                raise LeaseLost(batch.batch_id)
            case ["full", others]:
                tokens = int(_enqueued(batch))
                raise QueueFull(batch.model, enqueued=int(others), limit=enqueued_limit or 0, tokens=tokens)
            case ["cap", account, taken]:
                [cap] = {each.account: each for each in caps if each.account == account}.values()
                raise CapReached(cap=cap.label, max_usd=dollars(usd(cap.nano)), taken_usd=dollars(usd(int(taken))))
            case ["missing"]:
                raise BatchNotFound(batch.batch_id)
            case _:
                raise StatusChanged(batch_id=batch.batch_id, expected=before, found=str(answer[1]))

    def _ask(self, questions: Callable[[Pipeline], object]) -> list[Any]:
        """The answers to what is put into a pipeline, all of one epoch."""
        epoch = self._epoch()
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.get(self._keys.epoch())
            questions(pipe)
            found, *answers = pipe.execute()
        if (found or NO_EPOCH) != epoch:
            raise self._lost("it was emptied while this worker ran")
        return answers

    def _range(self, *parts: str | int) -> list[str]:
        [members] = self._ask(lambda pipe: pipe.execute_command("ZRANGE", *parts))  # type: ignore[no-untyped-call]  # the client leaves it untyped
        return list(members)

    def _epoch(self) -> str:
        if self._known_epoch is None:
            found = self._read_epoch()
            if found is None and self._holds_jobs is None:
                return NO_EPOCH
            self._known_epoch = found or self._first_epoch()
        return self._known_epoch

    def _read_epoch(self) -> str | None:
        with redis_errors():
            found = self._redis.get(self._keys.epoch())
        return None if found is None else str(found)

    def _first_epoch(self) -> str:
        """Begin the life of a new Redis; of two workers that do, the first wins."""
        if self._holds_jobs is not None and self._holds_jobs():
            found = self._read_epoch()  # another worker may have begun it, and its first job, meanwhile
            if found is None:
                raise self._lost("it is empty, and S3 holds jobs")
            return found
        with redis_errors():
            self._redis.set(self._keys.epoch(), secrets.token_hex(8), nx=True)
        return self._read_epoch() or NO_EPOCH

    def _lost(self, problem: str) -> StateLost:
        return StateLost(redis=self.address, problem=problem)

    def _renewed(self, key: str, token: str, life_ms: int) -> bool:
        with redis_errors():
            return bool(self._renew_lease(keys=[key], args=[token, life_ms]))

    def _read(self, batch_ids: list[str]) -> list[Batch]:
        docs = self._ask(lambda pipe: [pipe.hget(self._keys.batch(batch_id), "doc") for batch_id in batch_ids])
        return [Batch.model_validate_json(doc) for doc in docs if doc is not None]

    def _index(self, status: BatchStatus | None, data_type: str | None, job_id: str | None) -> str:
        if job_id is not None:
            return self._keys.by_job(job_id)
        if data_type is not None:
            return (
                self._keys.by_data_type(data_type)
                if status is None
                else self._keys.by_data_type_and_status(data_type, status)
            )
        return self._keys.all_batches() if status is None else self._keys.by_status(status)

    def _indexes(self, batch: Batch) -> tuple[str, str, str, str, str]:
        return (
            self._keys.all_batches(),
            self._keys.by_status(batch.status),
            self._keys.by_data_type(batch.data_type),
            self._keys.by_data_type_and_status(batch.data_type, batch.status),
            self._keys.by_job(batch.job_id),
        )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000)


def _member(created_at: datetime, identity: str) -> str:
    return f"{_ms(created_at):013d}:{identity}"


def _batch_member(batch: Batch) -> str:
    return _member(batch.created_at, batch.batch_id)


def _id_of(member: str) -> str:
    return member.split(":", 1)[1]


def _enqueued(batch: Batch) -> str:
    """Tokens that a batch takes of its model's queue: those counted, else as many as its file has bytes, at most."""
    current = batch.current
    sent = batch.status is BatchStatus.PENDING and (current.admitted or current.sent_at is not None)
    if not sent and (batch.status is not BatchStatus.PROCESSING or current.missing):
        return ""
    return str(current.requests_bytes if current.requests_tokens is None else current.requests_tokens)


def _scan(pipe: Pipeline, *, name: str, cursor: int) -> object:
    return pipe.hscan(name, cursor, count=_AT_ONCE)


def _entries(batch: Batch) -> str:
    return orjson.dumps(entries_of(batch)).decode()


def _never_sent(batch: Batch) -> Batch:
    """The batch without the reservation of a file that OpenAI was never asked to work on."""
    current = batch.current
    return batch.with_current(reserved_at=None) if current.sent_at is None and not current.answers else batch


def _due_score(batch: Batch) -> int | None:
    if batch.status is not BatchStatus.PENDING:
        return None
    if batch.not_before is None:
        return 0
    return _ms(batch.not_before) + bool(batch.not_before.microsecond % 1000)  # rounded up: never due too early
