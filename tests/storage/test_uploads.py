"""Objects to and from S3: whole or not at all, sent once, under their public address."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path

import pytest

from batchgen.errors import BucketMissing, InvalidSetting
from batchgen.storage.uploads import CONTENT_TYPES, BatchUploadManager, file_sha256

from .places import Bucket

KEY = "batch/prompt/job-0001/results.jsonl"
SENDS = {"PutObject", "CreateMultipartUpload", "UploadPart", "CopyObject"}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "results.jsonl"
    path.write_bytes(b'{"record_id": "1"}\n')
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Over the 64 MiB from which on a file goes in parts."""
    path = tmp_path / "large.jsonl"
    path.write_bytes(b"0123456789abcdef" * (1 << 22) + b"the end\n")
    return path


def test_a_file_is_stored_with_its_type_and_told_by_its_address(bucket: Bucket, results: Path) -> None:
    stored = bucket.manager.upload(results, KEY)
    assert bucket.stored(KEY) == results.read_bytes()
    assert bucket.client.head_object(Bucket=bucket.name, Key=KEY)["ContentType"] == "application/jsonl; charset=utf-8"
    assert stored.url == f"https://results.example.com/{KEY}"
    assert (stored.size, stored.sha256) == (19, hashlib.sha256(results.read_bytes()).hexdigest())


def test_a_large_file_goes_in_parts(bucket: Bucket, large: Path) -> None:
    bucket.manager.upload(large, KEY)
    assert bucket.asks().count("UploadPart") == 2
    bucket.manager.download(KEY, large.with_suffix(".copy"))
    assert file_sha256(large.with_suffix(".copy")) == file_sha256(large)


def test_the_same_content_is_not_sent_again(bucket: Bucket, large: Path, results: Path) -> None:
    for path in (large, results):
        first = bucket.manager.upload(path, f"state/{path.name}")
        assert SENDS & set(bucket.asks())
        assert bucket.manager.upload(path, f"state/{path.name}") == first
        assert bucket.asks() == ["HeadObject"]


def test_changed_content_of_the_same_size_is_sent(bucket: Bucket, results: Path) -> None:
    bucket.manager.upload(results, KEY)
    results.write_bytes(b'{"record_id": "2"}\n')
    bucket.manager.upload(results, KEY)
    assert bucket.stored(KEY) == b'{"record_id": "2"}\n'


def test_whether_an_object_is_there_as_it_was_stored(bucket: Bucket, results: Path) -> None:
    stored = bucket.manager.upload(results, KEY)
    assert bucket.manager.holds(stored)
    bucket.manager.put(b'{"record_id": "2"}\n', KEY)
    assert not bucket.manager.holds(stored)
    bucket.manager.delete([KEY])
    assert not bucket.manager.holds(stored)


def test_an_object_that_somebody_else_wrote_is_replaced(bucket: Bucket, results: Path) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key=KEY, Body=results.read_bytes())
    bucket.manager.upload(results, KEY)
    assert bucket.client.head_object(Bucket=bucket.name, Key=KEY)["Metadata"]["sha256"] == file_sha256(results)


@pytest.mark.parametrize("suffix", [*CONTENT_TYPES, ".unknown"])
def test_an_object_has_the_content_type_of_its_name(bucket: Bucket, suffix: str) -> None:
    bucket.manager.put(b"x", f"report{suffix}")
    found = bucket.client.head_object(Bucket=bucket.name, Key=f"report{suffix}")["ContentType"]
    assert found == CONTENT_TYPES.get(suffix, "application/octet-stream")


def test_put_replaces_what_is_there(bucket: Bucket) -> None:
    bucket.manager.put(b'{"status": "PENDING"}', "state/b/manifest.json")
    bucket.manager.put(b'{"status": "FAILED"}', "state/b/manifest.json")
    assert bucket.manager.read("state/b/manifest.json") == b'{"status": "FAILED"}'


def test_an_address_is_quoted(uploads: BatchUploadManager) -> None:
    assert uploads.url("batch/a b/ü?#%.md") == "https://results.example.com/batch/a%20b/%C3%BC%3F%23%25.md"


def test_an_object_is_published_by_a_copy_within_s3(bucket: Bucket, results: Path) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key="state/b/results", Body=results.read_bytes())
    bucket.asks()
    stored = bucket.manager.publish("state/b/results", KEY, sha256=file_sha256(results), size=19)
    assert SENDS & set(bucket.asks()) == {"CopyObject"}
    assert bucket.stored(KEY) == results.read_bytes()
    assert bucket.manager.holds(stored)


def test_a_published_object_has_the_content_type_of_its_name(bucket: Bucket, results: Path) -> None:
    bucket.manager.put(results.read_bytes(), "state/b/results")
    stored = bucket.manager.publish("state/b/results", KEY, sha256=file_sha256(results), size=19)
    found = bucket.client.head_object(Bucket=bucket.name, Key=KEY)["ContentType"]
    assert found == stored.content_type == "application/jsonl; charset=utf-8"


def test_what_is_published_already_is_not_copied_again(bucket: Bucket, results: Path) -> None:
    bucket.manager.upload(results, "state/b/results.jsonl")
    for _ in range(2):
        bucket.asks()
        bucket.manager.publish("state/b/results.jsonl", KEY, sha256=file_sha256(results), size=19)
    assert bucket.asks() == ["HeadObject"]


def test_publishing_what_is_not_there_says_so(uploads: BatchUploadManager) -> None:
    with pytest.raises(FileNotFoundError, match=r"state/b/nothing\.jsonl"):
        uploads.publish("state/b/nothing.jsonl", KEY, sha256="0" * 64, size=1)


def test_objects_can_be_deleted_twice(bucket: Bucket, results: Path) -> None:
    bucket.manager.upload(results, KEY)
    bucket.manager.delete([KEY, "batch/never/there"])
    bucket.manager.delete([KEY])
    assert "Contents" not in bucket.client.list_objects_v2(Bucket=bucket.name)


def test_a_download_replaces_the_file_and_leaves_nothing_else(bucket: Bucket, tmp_path: Path) -> None:
    bucket.manager.put(b"new", "state/b/x")
    target = tmp_path / "folder" / "x"
    target.parent.mkdir()
    target.write_bytes(b"old and longer")
    assert bucket.manager.download("state/b/x", target) == target
    assert [path.read_bytes() for path in target.parent.iterdir()] == [b"new"]


def test_an_object_is_read_by_lines_as_far_as_somebody_wants(bucket: Bucket) -> None:
    bucket.manager.put(b"one\ntwo \r x\n" + b"more\n" * 1_000_000, "state/b/x")
    with closing(bucket.manager.lines("state/b/x")) as lines:
        assert next(lines) == b"one"
    bucket.manager.put(b"", "state/b/y")
    assert list(bucket.manager.lines("state/b/y")) == []
    with pytest.raises(FileNotFoundError, match="state/b/nothing"):
        next(bucket.manager.lines("state/b/nothing"))


def test_what_is_not_there_cannot_be_read(uploads: BatchUploadManager, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="state/b/nothing"):
        uploads.read("state/b/nothing")
    with pytest.raises(FileNotFoundError, match="state/b/nothing"):
        uploads.download("state/b/nothing", tmp_path / "x")
    assert list(tmp_path.glob("x*")) == []


def test_a_bucket_that_is_there_passes_the_check(uploads: BatchUploadManager) -> None:
    uploads.check()


def test_a_missing_bucket_is_named_whatever_is_asked(bucket: Bucket, results: Path, large: Path) -> None:
    missing = BatchUploadManager(bucket.client, bucket="misspelt", public_url="https://x")
    for ask in (
        missing.check,
        lambda: missing.upload(results, KEY),
        lambda: missing.upload(large, KEY),
        lambda: missing.put(b"", KEY),
        lambda: missing.publish("state/x", KEY, sha256="0" * 64, size=1),
        lambda: missing.read(KEY),
        lambda: missing.download(KEY, results),
    ):
        with pytest.raises(BucketMissing, match="'misspelt' does not exist at http"):
            ask()


def test_what_is_no_name_of_a_bucket_is_named(bucket: Bucket) -> None:
    with pytest.raises(InvalidSetting) as raised:
        BatchUploadManager(bucket.client, bucket="My Bucket!", public_url="https://x").check()
    assert raised.value.variable == "BATCHGEN_S3_BUCKET"
