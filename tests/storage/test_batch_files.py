"""Records in, batch files out: nothing lost, doubled or reordered, and no limit passed, wherever the splits fall."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.models import BatchFile, Endpoint, Prompt
from batchgen.storage.batch_files import BatchFileCreator, Entry, FileLimits, custom_id, row_of


def entry(record_id: str, text: str) -> Entry:
    return Entry(record_id, {"text": text}, Prompt([{"role": "user", "content": text}]))


def bad_row(record_id: str) -> Entry:
    return Entry(record_id, {}, None, "it has no prompt")


ENTRIES = st.lists(
    st.one_of(
        st.builds(entry, st.sampled_from("abc"), st.text(max_size=60)), st.builds(bad_row, st.sampled_from("abc"))
    ),
    max_size=25,
)
LIMITS = st.builds(
    FileLimits,
    requests=st.integers(1, 12),
    bytes=st.integers(120, 1_200),
    tokens=st.none() | st.integers(100, 1_200),
)


def batch_id(number: int) -> str:
    """Ids grow with the number, and with them the lines."""
    return f"job-{number}"


@contextmanager
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


def create(entries: list[Entry], limits: FileLimits, into: Path) -> tuple[list[BatchFile], str]:
    """The files, and the fingerprint of the source; a token is three bytes here."""
    creator = BatchFileCreator(
        into, model="gpt-4o-mini", endpoint=Endpoint.CHAT, limits=limits, count_tokens=lambda line: len(line) // 3
    )
    return list(creator.create(iter(entries), batch_id)), creator.source_fingerprint


def lines(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def told(entries: list[Entry]) -> list[tuple[str, dict[str, Any]]]:
    return [(each.record_id, each.data) for each in entries]


@given(ENTRIES, LIMITS)
def test_every_record_is_in_exactly_one_file_in_its_order(entries: list[Entry], limits: FileLimits) -> None:
    with folder() as into:
        files, _ = create(entries, limits, into)
        records = [record for file in files for record in lines(file.records_path)]
        assert [(record["record_id"], record["data"]) for record in records] == told(entries)
        assert [len(lines(file.records_path)) for file in files] == [file.records for file in files]
        assert {path for file in files for path in (file.requests_path, file.records_path)} == set(into.iterdir())


@given(ENTRIES, LIMITS)
def test_every_record_is_sent_once_or_says_why_not(entries: list[Entry], limits: FileLimits) -> None:
    with folder() as into:
        for number, file in enumerate(create(entries, limits, into)[0], start=1):
            sent = {request["custom_id"]: request for request in lines(file.requests_path)}
            assert len(sent) == file.requests == file.records - file.bad_rows
            for row, record in enumerate(lines(file.records_path)):
                request = sent.get(custom_id(batch_id(number), row))
                assert (request is None) == ("problem" in record)
                if request is not None:
                    assert request["body"]["messages"][0]["content"] == record["data"]["text"]


@given(ENTRIES, LIMITS)
def test_no_file_passes_a_limit(entries: list[Entry], limits: FileLimits) -> None:
    with folder() as into:
        for file in create(entries, limits, into)[0]:
            content = file.requests_path.read_bytes()
            assert file.requests <= limits.requests
            assert len(content) == file.requests_bytes <= limits.bytes
            assert sha256(content).hexdigest() == file.requests_sha256
            tokens = sum(len(line) // 3 for line in content.splitlines(keepends=True))
            if limits.tokens is not None:
                assert tokens <= limits.tokens or file.requests == 1  # one request cannot be split
                assert file.requests_tokens == (tokens or None)


@given(ENTRIES, LIMITS)
def test_two_runs_make_the_same_files(entries: list[Entry], limits: FileLimits) -> None:
    with folder() as first, folder() as second:
        create(entries, limits, first)
        create(entries, limits, second)
        assert {path.name: path.read_bytes() for path in first.iterdir()} == {
            path.name: path.read_bytes() for path in second.iterdir()
        }


@given(ENTRIES, LIMITS)
def test_custom_ids_are_unique_and_lead_back_to_their_row(entries: list[Entry], limits: FileLimits) -> None:
    with folder() as into:
        files, _ = create(entries, limits, into)
        ids = [request["custom_id"] for file in files for request in lines(file.requests_path)]
        assert len(set(ids)) == len(ids)
        for number, file in enumerate(files, start=1):
            records = lines(file.records_path)
            for request in lines(file.requests_path):
                row = row_of(request["custom_id"], batch_id(number))
                assert row is not None
                assert request["body"]["messages"][0]["content"] == records[row]["data"]["text"]


@given(ENTRIES, LIMITS, LIMITS)
def test_the_fingerprint_tells_the_source_not_the_split(
    entries: list[Entry], limits: FileLimits, others: FileLimits
) -> None:
    with folder() as first, folder() as second:
        assert create(entries, limits, first)[1] == create(entries, others, second)[1]


@given(ENTRIES, st.data())
def test_the_fingerprint_tells_two_sources_apart(entries: list[Entry], data: st.DataObject) -> None:
    changed = [*entries, entry("new", "one more")]
    if entries:
        changed = data.draw(st.sampled_from([changed, entries[:-1]]))
    with folder() as first, folder() as second:
        assert create(entries, FileLimits(), first)[1] != create(changed, FileLimits(), second)[1]


def test_files_are_filled_to_the_limit(tmp_path: Path) -> None:
    entries = [entry(str(number), "x") for number in range(7)]
    files, _ = create(entries, FileLimits(requests=3), tmp_path)
    assert [file.requests for file in files] == [3, 3, 1]


def test_a_request_too_large_for_any_file_is_a_bad_row(tmp_path: Path) -> None:
    entries = [entry("1", "x"), entry("2", "x" * 1_000), entry("3", "x")]
    (file,), _ = create(entries, FileLimits(bytes=500), tmp_path)
    assert (file.records, file.requests, file.bad_rows) == (3, 2, 1)
    assert "over the limit of a file" in lines(file.records_path)[1]["problem"]


def test_bad_rows_take_no_room(tmp_path: Path) -> None:
    entries = [bad_row("1"), entry("2", "x"), bad_row("3"), bad_row("4")]
    (file,), _ = create(entries, FileLimits(requests=1), tmp_path)
    assert (file.records, file.bad_rows) == (4, 3)


def test_no_records_make_no_files(tmp_path: Path) -> None:
    assert create([], FileLimits(), tmp_path)[0] == []
    assert list(tmp_path.iterdir()) == []


def test_tokens_are_counted_only_where_a_limit_is_known(tmp_path: Path) -> None:
    creator = BatchFileCreator(
        tmp_path,
        model="gpt-4o-mini",
        endpoint=Endpoint.CHAT,
        limits=FileLimits(),
        count_tokens=lambda _: pytest.fail("counted"),
    )
    (file,) = creator.create([entry("1", "x")], batch_id)
    assert file.requests_tokens is None


@pytest.mark.parametrize("foreign", ["job-1", "job-1:", "job-1:x", "job-1:-1", "job-1:²", "job-2:0", ":0", ""])
def test_an_id_that_is_not_the_batchs_own_has_no_row(foreign: str) -> None:
    assert row_of(foreign, "job-1") is None
