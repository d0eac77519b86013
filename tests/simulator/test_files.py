"""Files: upload, list, read, delete."""

import json
import socket
import urllib.request
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

import openai
import pytest

from batchgen.simulator import SimulatorServer

from .lab import Lab, running

FORM = "multipart/form-data; boundary=x"
PURPOSE_PART = b'--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
FILE_PART = b'content-disposition: form-data; name="file"; filename="a"\r\n\r\n'


def test_an_upload_comes_back_byte_by_byte(lab: Lab) -> None:
    content = b'{"a": "\xc3\xbc"}\r\n--boundary\r\n\x00\xff' * 1000
    stored = lab.client.files.create(file=("my name.jsonl", content), purpose="batch")
    assert (stored.filename, stored.bytes, stored.purpose) == ("my name.jsonl", len(content), "batch")
    assert lab.client.files.content(stored.id).read() == content


def test_a_file_uploaded_from_disk_is_found_by_id(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "input.jsonl"
    path.write_bytes(b"x" * 3_000_000)
    with path.open("rb") as opened:
        stored = lab.client.files.create(file=opened, purpose="batch")
    assert lab.client.files.retrieve(stored.id) == stored
    assert stored.bytes == 3_000_000
    answer = lab.client.files.with_raw_response.content(stored.id)
    assert answer.headers["content-length"] == "3000000"


def test_a_streamed_download_has_every_line(lab: Lab) -> None:
    stored = lab.client.files.create(file=("a.jsonl", b"".join(b"%d\n" % i for i in range(200_000))), purpose="batch")
    with lab.client.files.with_streaming_response.content(stored.id) as response:
        assert [int(line) for line in response.iter_lines()] == list(range(200_000))


def test_pages_of_the_list_go_from_new_to_old_and_hold_each_file_once(lab: Lab) -> None:
    made = [lab.client.files.create(file=("a", b"x"), purpose="batch").id for _ in range(5)]
    assert [item.id for item in lab.client.files.list(limit=2)] == made[::-1]
    assert [item.id for item in lab.client.files.list(limit=3, order="asc")] == made
    assert [item.id for item in lab.client.files.list(purpose="batch_output")] == []


def test_a_deleted_file_is_gone(lab: Lab) -> None:
    file_id = lab.upload([])
    assert lab.client.files.delete(file_id).deleted
    for read in (lab.client.files.retrieve, lab.client.files.content, lab.client.files.delete):
        with pytest.raises(openai.NotFoundError, match="No such File object"):
            read(file_id)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b""),
        (FORM, b"nonsense"),
        (FORM, PURPOSE_PART + b"--x\r\n" + FILE_PART + b"half a file"),
        (FORM, b"--x\r\n" + FILE_PART + b"a file without purpose\r\n--x--\r\n"),
        (FORM, PURPOSE_PART + b"--x--\r\n"),
    ],
)
def test_an_upload_that_is_no_form_is_refused(lab: Lab, content_type: str, body: bytes) -> None:
    headers = {"authorization": "Bearer k", "content-type": content_type}
    request = urllib.request.Request(f"{lab.base_url}/files", body, headers)  # noqa: S310 - http
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(request)  # noqa: S310 - http
    with refused.value as answer:
        assert answer.code == 400
        assert json.load(answer)["error"]["type"] == "invalid_request_error"


def test_an_upload_that_breaks_off_leaves_nothing(lab: Lab) -> None:
    address = urlsplit(lab.base_url)
    with socket.create_connection((address.hostname or "", address.port or 0)) as client:
        head = f"POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\ncontent-type: {FORM}\r\n"
        client.sendall(f"{head}content-length: 1000\r\n\r\n--x\r\n".encode() + FILE_PART + b"half")
    while "files.create" not in lab.control.requests():
        pass
    assert lab.control.requests()["files.create"] == {"total": 1, "dropped": 1}
    assert lab.client.files.list().data == []


def test_files_survive_a_restart_and_half_an_upload_does_not(tmp_path: Path) -> None:
    with running(data_dir=tmp_path) as lab:
        file_id = lab.upload([b"kept"])
    (tmp_path / "files" / "upload-1.part").write_bytes(b"half")
    with running(data_dir=tmp_path) as lab:
        assert lab.client.files.content(file_id).read() == b"kept"
        assert lab.upload([]) != file_id
    assert not list(tmp_path.glob("files/*.part"))


def test_a_directory_has_one_simulator_at_a_time(tmp_path: Path) -> None:
    with running(data_dir=tmp_path), pytest.raises(OSError, match="in use by another simulator"):
        SimulatorServer(data_dir=tmp_path).start()
    with running(data_dir=tmp_path) as lab:
        assert lab.client.files.list().data == []
