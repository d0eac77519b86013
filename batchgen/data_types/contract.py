"""What a data type says: how its source becomes records, a record a prompt, an answer a verdict, and results objects.

The stages know data types only through this module; a data type knows opened sources and plain values, and never a
connection.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from batchgen.models import Prompt
from batchgen.sources.opened import OpenedSource


class TypeOptions(BaseModel):
    """Base of a data type's options: plain values that are stored with the job."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Options = TypeVar("Options", bound=TypeOptions)


# Record and Accepted are made once for every row: a frozen dataclass takes three times as long to make.
@dataclass(slots=True)
class Record:
    """One thing to generate for: the source's own id (or the row number) and JSON-able data."""

    record_id: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row of the source that cannot be a record; `place` names it for people, for example `line 7`."""

    record_id: str
    place: str
    problem: str


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a data type may use of the machine that it works on."""

    cache: Path
    """A folder that outlives the process and is shared with others: what is put there can be made anew."""
    material: Path | None = None
    """The file that the fetcher packed beside the records, if it did."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """Why the last answer was not accepted: goes into the next prompt where it can help."""

    reason: str
    detail: str
    evidence: Any = None
    """What the refusal of that answer carried for the next judgement."""


@dataclass(slots=True)
class Accepted:
    """The answer holds; `output` is its JSON-able value, as it stands in results.jsonl."""

    output: Any


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer does not hold: a stable reason code, what was wrong in words, whether the model should be told."""

    reason: str
    detail: str
    helps_next_try: bool = True
    evidence: Any = None
    """JSON-able facts for the reviewer, and for the judgement of the next answer to the same record."""
    final: bool = False
    """Whether to ask again is not worth it, even with tries left."""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of results.jsonl with the record it answers."""

    record: Record
    output: Any
    iteration: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is not accepted, with what its last answer was refused for, or why none came."""

    record: Record
    reason: str
    detail: str
    output: Any
    evidence: Any = None


Outcome = Result | Rejected


def _nothing() -> Iterator[Result]:
    return iter(())


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """What a report says of the batch as a whole."""

    batch_id: str
    job_id: str
    model: str
    created_at: datetime
    simulated: bool
    iteration: int
    records: int
    accepted: int
    refused: int
    failed: int
    cost_usd: Decimal
    elsewhere: Callable[[], Iterator[Result]] = _nothing
    """What the other batches of the job had accepted when this one was last judged, in the order of the job."""
    cost_by_iteration: tuple[Decimal, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportPart:
    """What a data type adds to report.json."""

    fields: dict[str, Any] = field(default_factory=dict)
    """`highlights`, a list of short lines, is what a reviewer is shown first."""
    targets: Path | None = None
    """JSON lines that become the array `targets`, which may be long."""


class DataFetcherStrategy(ABC, Generic[Options]):
    """Turns an opened source into records, as a stream, in an order that is the same from run to run."""

    def __init__(self, workplace: Workplace | None = None) -> None:
        """Take a workplace, where the options may ask for more than reading the source."""
        self.workplace = workplace

    @abstractmethod
    def fetch(self, source: OpenedSource, options: Options) -> Iterator[Record | BadRow]:
        """Yield records and rows that cannot be one; raises SourceUnreadable for a source that is none of its kind."""

    def pack(self, source: OpenedSource, options: Options, path: Path) -> bool:
        """Write what judging needs beside the records, the same bytes for the same source; False: nothing is needed."""
        return False


class PromptGenerator(ABC, Generic[Options]):
    """Turns a record into the prompt for it. Made once per batch; pure: the same record gives the same prompt."""

    def __init__(self, options: Options) -> None:
        self.options = options

    @abstractmethod
    def prompt(self, record: Record, feedback: Feedback | None = None) -> Prompt:
        """Return the prompt; with feedback, one that says what was wrong with the last answer."""


class Comparison(ABC):
    """Holds accepted answers against each other. It is told of them one by one, each time in the same order."""

    @abstractmethod
    def know(self, result: Result) -> bool:
        """Have later answers held against one that stays accepted; False: no more of them can be known."""

    @abstractmethod
    def judge(self, result: Result) -> Refused | None:
        """Refuse an answer that was good in itself, or have later ones held against it."""


class ResultStrategy(ABC, Generic[Options]):
    """Judges the text of an answer. Empty, refused, cut and filtered answers never come here."""

    def __init__(self, options: Options, workplace: Workplace | None = None) -> None:
        """Take a workplace where answers are to be judged; what is stored can be written without."""
        self.options = options
        self.workplace = workplace

    @property
    def parallel(self) -> int:
        """How many answers may be judged at once, each in a thread of its own."""
        return 1

    @abstractmethod
    def judge(self, record: Record, text: str, former: Feedback | None = None) -> Accepted | Refused:
        """Accept the answer with its value, or refuse it with a reason code; `former` is why the last was refused."""

    def comparison(self, folder: Path) -> AbstractContextManager[Comparison] | None:
        """Return what holds the accepted answers of a job against each other, or None: each stands for itself.

        It may use the folder for working files.
        """
        return None

    def write_objects(self, outcomes: Callable[[], Iterator[Outcome]], facts: BatchFacts, folder: Path) -> ReportPart:
        """Write files that readers want beside results.jsonl into `folder`; each becomes an object of its name.

        Each call of `outcomes` walks over all records that are decided, in the order of the source. The same outcomes
        give the same files.
        """
        return ReportPart()

    def without(self, output: Any, parts: Collection[str], note: str) -> Any | None:
        """Return an accepted output less some of its parts, or None where none is left.

        Raises UnknownPart for one that it has not, InseparablePart where the rest cannot stand without it.
        """
        raise UnknownPart(min(parts))

    def evidence(self, output: Any) -> Any:
        """Return what stays known of an accepted output that a reviewer refuses, as the evidence of its refusal."""
        return None


class UnknownPart(Exception):
    """An output has no such part, or none that can be named."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.part = part


class InseparablePart(UnknownPart):
    """The rest of the output cannot stand without this part."""


@dataclass(frozen=True)
class DataType(Generic[Options]):
    """One data type: its parts, and what the command line and the forms show of it."""

    name: str
    summary: str
    """One line for lists and forms."""
    source_help: str
    """What to give as the source."""
    options_type: type[Options]
    fetcher: type[DataFetcherStrategy[Options]]
    prompt_generator: type[PromptGenerator[Options]]
    result_strategy: type[ResultStrategy[Options]]
    default_model: str | None = None
    """None: that of its model policy, which has its name."""
    fallback_policy: str | None = None
    """The model policy that holds where none has its name."""
    default_max_retries: int = 3

    FEEDBACK_LIMIT: ClassVar[int] = 2_000
    """Characters of feedback that a prompt may get: longer texts cost more than they help."""
