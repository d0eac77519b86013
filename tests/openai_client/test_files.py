"""Files to and from OpenAI: streams, whole or not at all."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batchgen.errors import RequestRefused, Unavailable
from batchgen.openai_client.batch_api import DOWNLOAD_TRIES, BatchApi
from batchgen.simulator import SimulatorControl

from .requests_files import ended, requests_file, started

MIB = 1 << 20


@pytest.fixture
def output(api: BatchApi, tmp_path: Path) -> str:
    """The id of an output file of 300 lines."""
    file_id = ended(api, started(api, tmp_path, count=300)).output_file_id
    assert file_id is not None
    return file_id


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target" / "output.jsonl"


def test_a_file_comes_back_as_it_was_sent(api: BatchApi, tmp_path: Path, target: Path) -> None:
    path = requests_file(tmp_path, 500)
    assert api.download(api.upload(path, "x.jsonl"), target) == target
    assert target.read_bytes() == path.read_bytes()
    assert list(target.parent.iterdir()) == [target]


def test_memory_does_not_grow_with_a_file(api: BatchApi, tmp_path: Path, target: Path) -> None:
    api.download(api.upload(requests_file(tmp_path), "small.jsonl"), target)  # what is loaded once
    large = tmp_path / "large.jsonl"
    large.write_bytes((b'{"text": "' + b"x" * 1_000 + b'"}\n') * 24_000)
    tracemalloc.start()
    api.download(api.upload(large, "large.jsonl"), target)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert target.stat().st_size == large.stat().st_size > 20 * MIB
    assert peak < 12 * MIB  # the simulator in this process included


@pytest.mark.parametrize("cut", [{"at": "line"}, {"at": "middle"}])
def test_a_download_that_ends_early_without_an_error_is_fetched_again(
    api: BatchApi, control: SimulatorControl, output: str, target: Path, cut: dict[str, str]
) -> None:
    control.fault("files.content", "truncate", fraction=0.5, ending="clean", times=DOWNLOAD_TRIES - 1, **cut)
    api.download(output, target)
    assert len(target.read_bytes().splitlines()) == 300
    assert control.requests()["files.content"]["total"] == DOWNLOAD_TRIES


def test_a_download_that_always_ends_early_is_unavailable(
    api: BatchApi, control: SimulatorControl, output: str, target: Path
) -> None:
    control.fault("files.content", "truncate", fraction=0.5, ending="clean", times="always")
    with pytest.raises(Unavailable, match=f"{output} ended after"):
        api.download(output, target)
    assert list(target.parent.iterdir()) == []


def test_a_download_that_breaks_is_unavailable_and_works_the_next_time(
    api: BatchApi, control: SimulatorControl, output: str, target: Path
) -> None:
    control.fault("files.content", "truncate", fraction=0.5, ending="reset")
    with pytest.raises(Unavailable):
        api.download(output, target)
    assert not target.exists()
    api.download(output, target)
    assert list(target.parent.iterdir()) == [target]


def test_an_empty_file_is_a_file(api: BatchApi, control: SimulatorControl, tmp_path: Path, target: Path) -> None:
    control.fault("batches.run", "empty_error_file")
    control.fault("requests", "answer", status=500)
    file_id = ended(api, started(api, tmp_path)).error_file_id
    assert file_id is not None
    assert api.download(file_id, target).read_bytes() == b""


def test_a_server_that_does_not_tell_the_size_is_believed(
    api: BatchApi, control: SimulatorControl, output: str, target: Path
) -> None:
    control.fault("files.retrieve", "error", status=405)
    api.download(output, target)
    assert len(target.read_bytes().splitlines()) == 300


def test_a_file_that_is_gone_is_refused(api: BatchApi, target: Path) -> None:
    with pytest.raises(RequestRefused) as raised:
        api.download("file-nothing", target)
    assert raised.value.status == 404
    assert list(target.parent.iterdir()) == []


def test_a_file_can_be_deleted_twice(api: BatchApi, output: str, target: Path) -> None:
    api.delete_file(output)
    api.delete_file(output)
    with pytest.raises(RequestRefused):
        api.download(output, target)


def test_a_file_whose_upload_had_no_answer_is_found_by_its_name(
    api: BatchApi, control: SimulatorControl, tmp_path: Path, target: Path
) -> None:
    path, began = requests_file(tmp_path, 500), datetime.now(UTC)
    control.fault("files.create", "drop_answer")
    with pytest.raises(Unavailable):
        api.upload(path, "x.jsonl")
    assert control.requests()["files.create"]["total"] == 1
    found = api.find_file("x.jsonl", size=path.stat().st_size, since=began)
    assert found is not None
    assert api.download(found, target).read_bytes() == path.read_bytes()


def test_of_files_that_arrived_twice_one_is_kept(api: BatchApi, tmp_path: Path) -> None:
    path, began = requests_file(tmp_path, 5), datetime.now(UTC)
    ids = {api.upload(path, "x.jsonl"), api.upload(path, "x.jsonl"), api.upload(path, "y.jsonl")}
    kept = api.find_file("x.jsonl", size=path.stat().st_size, since=began)
    listed = {file.id for file in api._client.files.list()}
    assert kept in ids
    assert len(ids & listed) == 2


def test_a_file_of_another_size_is_another_file(api: BatchApi, tmp_path: Path) -> None:
    path, began = requests_file(tmp_path, 5), datetime.now(UTC)
    api.upload(path, "x.jsonl")
    assert api.find_file("x.jsonl", size=path.stat().st_size + 1, since=began) is None
