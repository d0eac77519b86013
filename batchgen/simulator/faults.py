"""Scripted faults: which there are, what each may be told, and which one strikes now.

``KINDS`` is the whole list. A fault belongs to an operation, may be limited to some requests (``match``), may let the
first ones pass (``skip``), and strikes ``times`` times or always.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from batchgen.simulator.answers import Answer
from batchgen.simulator.api_errors import ControlError

HTTP_OPERATIONS = (
    "files.create",
    "files.list",
    "files.retrieve",
    "files.content",
    "files.delete",
    "batches.create",
    "batches.retrieve",
    "batches.list",
    "batches.cancel",
    "chat.completions",
    "responses",
    "embeddings",
    "models",
)
Allowed = tuple[type, ...] | frozenset[str]
"""The types an option may have, or the words it may be."""

NUMBER: tuple[type, ...] = (int, float)
TEXT: tuple[type, ...] = (str,)
COUNT: tuple[type, ...] = (int,)
ANSWER_OPTIONS: dict[str, Allowed] = {item.name: (object,) for item in fields(Answer)}


@dataclass(frozen=True, slots=True)
class Kind:
    operations: tuple[str, ...]
    options: dict[str, Allowed]


KINDS: dict[str, Kind] = {
    # to any HTTP request
    "error": Kind(HTTP_OPERATIONS, {"status": COUNT, "code": TEXT, "message": TEXT, "retry_after": NUMBER}),
    "drop_request": Kind(HTTP_OPERATIONS, {}),
    "drop_answer": Kind(HTTP_OPERATIONS, {"seconds": NUMBER}),
    "other_answer": Kind(HTTP_OPERATIONS, {"body": TEXT, "content_type": TEXT}),
    "delay": Kind(HTTP_OPERATIONS, {"seconds": NUMBER}),
    # to a download
    "truncate": Kind(
        ("files.content",),
        {"fraction": NUMBER, "at": frozenset({"line", "middle"}), "ending": frozenset({"clean", "reset"})},
    ),
    "empty": Kind(("files.content",), {}),
    # to a batch, drawn when it is made
    "fail": Kind(("batches.run",), {"code": TEXT, "message": TEXT, "line": COUNT, "param": TEXT}),
    "hang": Kind(
        ("batches.run",), {"status": frozenset({"validating", "in_progress", "finalizing"}), "fraction": NUMBER}
    ),
    "expire": Kind(("batches.run",), {"fraction": NUMBER}),
    "cancel": Kind(("batches.run",), {"fraction": NUMBER}),
    "slow": Kind(("batches.run",), {"seconds": NUMBER}),
    "hide": Kind(("batches.run",), {"seconds": NUMBER}),
    "wrong_counts": Kind(("batches.run",), {"total": COUNT, "completed": COUNT, "failed": COUNT}),
    "duplicate_lines": Kind(("batches.run",), {"count": COUNT}),
    "missing_lines": Kind(("batches.run",), {"count": COUNT}),
    "unknown_lines": Kind(("batches.run",), {"count": COUNT}),
    "empty_error_file": Kind(("batches.run",), {}),
    # to one request, in a batch or outside
    "answer": Kind(("requests",), ANSWER_OPTIONS),
}
MATCHES = ("model", "metadata", "custom_id", "endpoint", "file")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a request is about, for ``match``: each is None where it makes no sense."""

    model: str | None = None
    metadata: Mapping[str, str] | None = None
    custom_id: str | None = None
    endpoint: str | None = None
    file: str | None = None
    """``input``, ``output`` or ``error``"""


@dataclass(slots=True)
class Fault:
    operation: str
    kind: str
    match: dict[str, Any] = field(default_factory=dict)
    times: int | None = 1
    """None: always"""

    skip: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    fired: int = 0
    seen: int = 0

    @classmethod
    def parse(cls, given: Any) -> "Fault":
        """From the control endpoint's JSON. Raises ControlError that says what is wrong."""
        if not isinstance(given, dict):
            raise ControlError("A fault is a JSON object.")
        rest = dict(given)
        operation, kind = rest.pop("operation", None), rest.pop("kind", None)
        if kind not in KINDS:
            raise ControlError(f"Unknown kind {kind!r}; known are {', '.join(KINDS)}.")
        if operation not in KINDS[kind].operations:
            raise ControlError(f"Kind {kind!r} needs an operation out of {', '.join(KINDS[kind].operations)}.")
        match, times, skip = rest.pop("match", {}), rest.pop("times", 1), rest.pop("skip", 0)
        _check_match(match)
        if times != "always" and (not isinstance(times, int) or times < 1):
            raise ControlError("'times' is a number from 1 on, or \"always\".")
        if not isinstance(skip, int) or skip < 0:
            raise ControlError("'skip' is a number from 0 on.")
        _check_options(kind, rest)
        return cls(operation, kind, match, None if times == "always" else times, skip, rest)

    def strikes(self, subject: Subject) -> bool:
        """Whether it is due for ``subject``; counts it."""
        if self.times is not None and self.fired >= self.times:
            return False
        if not all(_matches(name, wanted, getattr(subject, name)) for name, wanted in self.match.items()):
            return False
        self.seen += 1
        if self.seen <= self.skip:
            return False
        self.fired += 1
        return True

    def public(self) -> dict[str, Any]:
        shown = {"operation": self.operation, "kind": self.kind, **self.options}
        times = "always" if self.times is None else self.times
        return {**shown, "match": self.match, "times": times, "skip": self.skip, "fired": self.fired}


def _check_match(match: Any) -> None:
    if not isinstance(match, dict) or not set(match) <= set(MATCHES):
        raise ControlError(f"'match' is an object with keys out of {', '.join(MATCHES)}.")
    if not isinstance(match.get("metadata", {}), dict):
        raise ControlError("'match.metadata' is an object.")
    try:
        re.compile(match.get("custom_id", ""))
    except (re.error, TypeError) as error:
        raise ControlError(f"'match.custom_id' is no regular expression: {error}") from error


def _check_options(kind: str, options: dict[str, Any]) -> None:
    known = KINDS[kind].options
    for name, value in options.items():
        if name not in known:
            raise ControlError(f"Kind {kind!r} has no option {name!r}; it has {', '.join(known) or 'none'}.")
        allowed = known[name]
        if not (value in allowed if isinstance(allowed, frozenset) else isinstance(value, allowed)):
            raise ControlError(f"Option {name!r} cannot be {value!r}.")


def _matches(name: str, wanted: Any, found: Any) -> bool:
    if found is None:
        return False
    if name == "metadata":
        return all(found.get(key) == value for key, value in wanted.items())
    if name == "custom_id":
        return re.search(wanted, found) is not None
    return bool(wanted == found)


class FaultPlan:
    """The faults that are set, oldest first. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._operations: frozenset[str] = frozenset()

    def add(self, faults: list[Fault]) -> None:
        with self._lock:
            self._faults.extend(faults)
            self._operations = frozenset(fault.operation for fault in self._faults)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
            self._operations = frozenset()

    def any_for(self, operation: str) -> bool:
        return operation in self._operations

    def draw(self, operation: str, subject: Subject) -> Fault | None:
        """The first fault that strikes."""
        if operation not in self._operations:
            return None
        with self._lock:
            return next((item for item in self._faults if item.operation == operation and item.strikes(subject)), None)

    def draw_all(self, operation: str, subject: Subject) -> list[Fault]:
        """Every fault that strikes, at most one of each kind: those of a batch go together."""
        drawn: dict[str, Fault] = {}
        with self._lock:
            for fault in self._faults:
                if fault.operation == operation and fault.kind not in drawn and fault.strikes(subject):
                    drawn[fault.kind] = fault
        return list(drawn.values())

    def public(self) -> list[dict[str, Any]]:
        with self._lock:
            return [fault.public() for fault in self._faults]
