"""One record as it is compared: its texts, what they name, its guards, and what its source says of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import xxhash

from batchgen.data_types.contract import Result
from batchgen.data_types.structured.duplicates.spec import DuplicateSpec
from batchgen.data_types.structured.duplicates.variants import differ, marks
from batchgen.data_types.structured.duplicates.wording import plain
from batchgen.data_types.structured.rules import texts

_MOST_CHARACTERS = 20_000
"""Of a field, that are compared."""
_NAMES = frozenset({"id", "sku"})
_CODE = 8
"""Digits from which a value names the record, as an EAN does, and says nothing of it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a record: written beside the tables and read again when it is a candidate."""

    record_id: str
    texts: Sequence[str]
    """A plain text for each compared field, empty where there is none."""
    marks: Sequence[Collection[str]]
    guards: Sequence[dict[str, str]]
    """Values by name for each guard: several for a list of attributes, one, named "", for others."""
    source: str
    """Fingerprint of what the source says."""

    @property
    def salt(self) -> int:
        """A hash of the marks: others are variants, and need not be met."""
        return xxhash.xxh32_intdigest(orjson.dumps([sorted(each) for each in self.marks]))

    def is_variant_of(self, other: Entry) -> bool:
        """Tell whether both are known to be different things."""
        for ours, theirs in zip(self.guards, other.guards, strict=True):
            if any(ours[name] != theirs[name] for name in ours.keys() & theirs.keys()):
                return True
        return differ(self.marks, other.marks)

    def packed(self) -> bytes:
        """Return it as JSON."""
        sets = [sorted(each) for each in self.marks]
        return orjson.dumps([self.record_id, self.texts, sets, self.guards, self.source])

    @classmethod
    def unpacked(cls, content: bytes) -> Entry:
        """Return what was packed."""
        return cls(*orjson.loads(content))


def entry_of(result: Result, spec: DuplicateSpec, facts: Collection[str] = ()) -> Entry:
    """Return a result as it is compared; of `facts`, columns in small letters, numbers say nothing of the record."""
    values = result.output if isinstance(result.output, dict) else {}
    data = result.record.data
    compared = [" ".join(texts(values.get(name, data.get(name))))[:_MOST_CHARACTERS] for name in spec.fields]
    return Entry(
        record_id=result.record.record_id,
        texts=[plain(text) for text in compared],
        marks=marks(compared) if spec.variants else (),
        guards=[_guard(values.get(name, data.get(name))) for name in spec.guards],
        source=_source(result, facts),
    )


def _guard(value: Any) -> dict[str, str]:
    pairs = [("", " ".join(texts(value)))]
    if isinstance(value, list) and all(isinstance(each, dict) and each.keys() == {"name", "value"} for each in value):
        pairs = [(plain(str(each["name"])), str(each["value"])) for each in value]
    said = ((name, plain(text)) for name, text in pairs)
    return {name: text for name, text in said if text}


def _source(result: Result, facts: Collection[str]) -> str:
    """Fingerprint the words of all columns, less those of which nothing could be written: ids, codes, prices."""
    said = []
    record_id = result.record.record_id
    # An id may be a name, of which all can be written; a number of an article says nothing.
    code = plain(record_id) if any(map(str.isdigit, record_id)) and " " not in record_id else None
    for name, value in sorted(result.record.data.items()):
        words, key = plain(" ".join(texts(value))), name.casefold()
        digits = words.replace(" ", "")
        silent = digits.isdigit() and (key in facts or len(digits) >= _CODE)
        if words and words != code and key not in _NAMES and not silent:
            said.append([name, words])
    return xxhash.xxh3_128_hexdigest(orjson.dumps(said))
