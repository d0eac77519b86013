"""Object names come from users and models; none may leave its prefix."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchgen.errors import UnsafeObjectName
from batchgen.storage import object_names as names
from batchgen.storage.object_names import manifest_key, public_key, safe

PIECES = st.sampled_from(["..", ".", "/", "\\", "a", "b.md", "-", "_", " ", "%2e", "\x00", "\n", "ü", "//", "~"])
NAMES = st.one_of(st.text(max_size=30), st.lists(PIECES, max_size=8).map("".join))


@given(NAMES)
@example("tests/test_a.py")
def test_no_accepted_name_leaves_its_prefix(name: str) -> None:
    try:
        key = public_key("prompt", "job-0001", name)
    except UnsafeObjectName:
        return
    assert key == f"batch/prompt/job-0001/{name}"
    assert posixpath.normpath(unquote(key)) == key
    assert ".." not in key.split("/")


@given(NAMES)
def test_no_accepted_batch_id_leaves_its_prefix(batch_id: str) -> None:
    try:
        key = manifest_key(batch_id)
    except UnsafeObjectName:
        return
    assert posixpath.normpath(key) == key == f"state/{batch_id}/manifest.json"


UNSAFE = [
    "",
    "/",
    "/etc/passwd",
    "a/",
    "a//b",
    ".",
    "..",
    "../b",
    "a/../b",
    "a/..",
    ".git",
    "-rf",
    "a\\b",
    "a b",
    "a\n",
]
UNSAFE += ["ü", "a%2f..", "x" * 201, "/".join(["x" * 150] * 5)]


@pytest.mark.parametrize("name", UNSAFE)
def test_a_name_that_is_not_plain_is_refused(name: str) -> None:
    with pytest.raises(UnsafeObjectName) as raised:
        safe(name)
    assert raised.value.name == name


@pytest.mark.parametrize("name", ["results.jsonl", "tests/test_json.py", "a..b", "A_1-2.x", "x" * 200])
def test_a_plain_name_is_kept(name: str) -> None:
    assert safe(name) == name


@pytest.mark.parametrize(
    ("key", "place"),
    [
        (names.records_key("b"), "state/b/records.jsonl"),
        (names.manifest_key("b"), "state/b/manifest.json"),
        (names.requests_key("b", 2), "state/b/2/requests.jsonl"),
        (names.output_key("b", 2), "state/b/2/output.jsonl"),
        (names.errors_key("b", 2), "state/b/2/errors.jsonl"),
        (names.results_key("b", "2/processed"), "state/b/2/processed/results.jsonl"),
        (names.ledger_key("b", "2/processed"), "state/b/2/processed/ledger.jsonl"),
    ],
)
def test_what_is_not_public_lies_below_state(key: str, place: str) -> None:
    assert key == place
