"""What a job leaves behind, in a form in which two runs of it are equal: without times, ids and the installation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile
from typing import Any

import orjson

from batchgen.money import NANO
from batchgen.services import Services
from batchgen.simulator.control_client import SimulatorControl
from batchgen.storage.cost_entries import account
from faults.interrupted_job import JOB

_REPLACED = (
    (re.compile(r"\b(batch_|batch_req_|file-|chatcmpl-|req_)[0-9a-f][0-9a-f_-]{5,}"), r"\1*"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"), "TIME"),
    (re.compile(r'("created(_at)?": ?)\d+'), r"\1TIME"),
    (re.compile(r'("(?:request_id|installation)": ?)"[^"]+"'), r'\1"*"'),
)
PREFIXES = ("batch/", "state/")
_NEVER_ENDS = -1
_SHOWN = 160
_OF_THIS_SEND = frozenset({"send", "sent_at", "in_doubt_since"})
"""A send whose fate was unknown is sent again under the next number."""


@dataclass(frozen=True, slots=True)
class FinalState:
    """Everything a user, a reader and an accountant would look at."""

    objects: dict[str, Any]
    """By key: the content of each S3 object."""
    summary: Any
    billed_twice: dict[str, list[str]]
    bill: list[tuple[int, int, int]]
    """Of each OpenAI batch: requests, input tokens, output tokens."""
    ledger: dict[str, Any]
    """The entries of the cost ledger by their names, and the sums over it."""
    uploads: Counter[str]
    """How often a batch file of each name lies at OpenAI."""
    leftovers: tuple[str, ...]
    """Leases that would never end."""


def read_final_state(services: Services, job_id: str, control: SimulatorControl) -> FinalState:
    """Read it from S3, Redis, the simulator's bill and OpenAI's list of files."""
    files = services.openai.get_sync_client().files.list(purpose="batch")
    return FinalState(
        objects={_without_prefix(services, key): _content(services, key) for key in keys_of(services, *PREFIXES)},
        summary=_normal(services.summary(job_id)),
        billed_twice=control.billed_twice(same_request=True),
        bill=[(each["requests"], each["input_tokens"], each["output_tokens"]) for each in control.billing()["batches"]],
        ledger=_ledger(services),
        uploads=Counter(file.filename for file in files),
        leftovers=tuple(
            key
            for key in services._redis.scan_iter(f"{services.settings.redis_prefix}:lease:*")
            if services._redis.ttl(key) == _NEVER_ENDS
        ),
    )


def _ledger(services: Services) -> dict[str, Any]:
    """All of the ledger; each entry counts in the sums once, whatever was written again."""
    entries = {entry.key: entry.model_dump(mode="json", exclude={"day"}) for entry in services.ids.costs()}
    booked = sum((entry.cost_usd for entry in services.ids.costs()), Decimal(0))
    [total, of_job] = services.ids.sums([account("all", ""), account("job", JOB)])
    assert 0 <= total - booked * NANO <= len(entries), "the sum over everything is not that of the entries"
    assert total == of_job
    return entries


def _without_prefix(services: Services, key: str) -> str:
    """Each run has a Redis prefix of its own, which stands in the keys of its jobs."""
    return key.replace(services.settings.redis_prefix, "*")


def keys_of(services: Services, *prefixes: str) -> Iterator[str]:
    """Every key below these prefixes."""
    bucket = services.settings.require(what="S3", field="s3_bucket")
    for prefix in prefixes:
        for page in services.s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from (found["Key"] for found in page.get("Contents", []))


def empty_bucket(services: Services) -> None:
    """Delete the objects of an earlier run."""
    bucket = services.settings.require(what="S3", field="s3_bucket")
    if keys := list(keys_of(services, *PREFIXES)):
        services.s3().delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})


def differences(found: FinalState, expected: FinalState) -> list[str]:
    """What differs from the expected, a line each; uploads are not compared, see `surplus_uploads`."""
    lines = [f"S3 lacks {key}" for key in sorted(expected.objects.keys() - found.objects.keys())]
    lines += [f"S3 has a surplus {key}" for key in sorted(found.objects.keys() - expected.objects.keys())]
    for key in sorted(expected.objects.keys() & found.objects.keys()):
        if found.objects[key] != expected.objects[key]:
            lines.append(f"{key}: {_excerpt(found.objects[key], expected.objects[key])}")
    for name in ("summary", "billed_twice", "bill", "ledger", "leftovers"):
        if getattr(found, name) != getattr(expected, name):
            lines.append(f"{name}: {_excerpt(getattr(found, name), getattr(expected, name))}")
    return lines


def surplus_uploads(found: FinalState, expected: FinalState) -> list[str]:
    """Batch files that lie at OpenAI and that nobody will use or delete."""
    return sorted((found.uploads - expected.uploads).elements())


def _excerpt(found: Any, expected: Any) -> str:
    """Both from shortly before the first character that differs."""
    one, other = str(found), str(expected)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    shown = slice(max(0, same - _SHOWN // 4), same + _SHOWN)
    return f"…{one[shown]}… instead of …{other[shown]}…"


def _content(services: Services, key: str) -> Any:
    text = services.uploads.read(key)
    if key.endswith("manifest.json"):
        manifest = orjson.loads(text)
        for iteration in manifest["batch"]["iterations"]:
            for name in _OF_THIS_SEND:
                iteration.pop(name)
        for stored in manifest["batch"]["objects"]:
            stored.pop("sha256")  # of a report with times in it
        return _normal(manifest)
    if key.endswith(".jsonl"):
        return [_normal(orjson.loads(line)) for line in text.splitlines()]
    return _normal(orjson.loads(text))


def _normal(value: Any) -> Any:
    text = orjson.dumps(value).decode()
    for pattern, replacement in _REPLACED:
        text = pattern.sub(replacement, text)
    return text
