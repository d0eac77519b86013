"""An S3 that is away, busy, closed or cut off: what is raised, and that no half of a file appears."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from batchgen.errors import AccessDenied, InvalidSetting, Unavailable
from batchgen.local.s3_server import S3Access
from batchgen.storage.uploads import BatchUploadManager, connect_s3

from .places import s3_client

WHOLE = b"0123456789" * 1_000


@pytest.fixture(autouse=True)
def no_pause_between_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)


@contextmanager
def answering(head: str, body: bytes = b"") -> Iterator[BatchUploadManager]:
    """An S3 that gives every request this answer and hangs up."""
    answer = f"HTTP/1.1 {head}\r\nConnection: close\r\n\r\n".encode() + body
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as request:
                while request.readline().strip():
                    pass
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    access = S3Access(f"http://127.0.0.1:{server.getsockname()[1]}", "key", "the-secret")
    with closing(s3_client(access)) as client:
        yield BatchUploadManager(client, bucket="bucket", public_url="https://x")
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def every_call(uploads: BatchUploadManager, folder: Path) -> list[Callable[[], object]]:
    (folder / "file").write_bytes(b"x")
    return [
        uploads.check,
        lambda: uploads.upload(folder / "file", "key"),
        lambda: uploads.put(b"x", "key"),
        lambda: uploads.publish("key", "other", sha256="0" * 64, size=1),
        lambda: uploads.read("key"),
        lambda: uploads.download("key", folder / "copy"),
        lambda: uploads.delete(["key"]),
    ]


@pytest.mark.parametrize("received", [0, 4_321, len(WHOLE) - 1])
def test_a_download_that_is_cut_short_leaves_no_file(received: int, tmp_path: Path) -> None:
    head = f"200 OK\r\nContent-Length: {len(WHOLE)}"
    with answering(head, WHOLE[:received]) as uploads, pytest.raises(Unavailable) as raised:
        uploads.download("state/b/output.jsonl", tmp_path / "output.jsonl")
    assert raised.value.service == "S3"
    assert not (tmp_path / "output.jsonl").exists()


def test_a_read_that_is_cut_short_is_unavailable() -> None:
    with answering(f"200 OK\r\nContent-Length: {len(WHOLE)}", WHOLE[:-1]) as uploads, pytest.raises(Unavailable):
        uploads.read("state/b/manifest.json")


@pytest.mark.parametrize("status", ["503 Slow Down", "500 Internal Server Error", "429 Too Many Requests"])
def test_a_busy_server_is_waited_for(status: str) -> None:
    with answering(f"{status}\r\nContent-Length: 0") as uploads, pytest.raises(Unavailable) as raised:
        uploads.check()
    assert raised.value.answers


def test_a_forbidden_bucket_is_refused() -> None:
    with answering("403 Forbidden\r\nContent-Length: 0") as uploads, pytest.raises(AccessDenied) as raised:
        uploads.check()
    assert "AWS_SECRET_ACCESS_KEY" in str(raised.value)


def test_an_answer_that_is_none_of_the_usual_ones_is_shown_as_it_came() -> None:
    with answering("418 I'm a teapot\r\nContent-Length: 0") as uploads, pytest.raises(ClientError, match="418"):
        uploads.check()


def test_a_server_that_is_away_is_unavailable_whatever_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with closing(s3_client(S3Access(f"http://127.0.0.1:{unused.getsockname()[1]}", "k", "s"))) as client:
            uploads = BatchUploadManager(client, bucket="bucket", public_url="https://x")
            for call in every_call(uploads, tmp_path):
                with pytest.raises(Unavailable) as raised:
                    call()
                assert not raised.value.answers
                assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("wrong", ["access_key", "secret_key"])
def test_wrong_keys_are_refused_whatever_is_asked(own_s3: S3Access, wrong: str, tmp_path: Path) -> None:
    with closing(s3_client(own_s3, **{wrong: "of-somebody-else"})) as client:
        uploads = BatchUploadManager(client, bucket="bucket", public_url="https://x")
        for call in every_call(uploads, tmp_path):
            with pytest.raises(AccessDenied) as raised:
                call()
            assert own_s3.secret_key not in str(raised.value)


def test_missing_keys_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    client = connect_s3(
        endpoint_url=None, access_key_id=None, secret_access_key=None, session_token=None, region="us-east-1"
    )
    with closing(client), pytest.raises(AccessDenied, match="AWS_ACCESS_KEY_ID"):
        BatchUploadManager(client, bucket="bucket", public_url="https://x").check()


def test_an_endpoint_that_is_no_address_is_named() -> None:
    with pytest.raises(InvalidSetting) as raised:
        connect_s3(
            endpoint_url="127.0.0.1:9000",
            access_key_id="k",
            secret_access_key="s",
            session_token=None,
            region=None,
        )
    assert raised.value.variable == "AWS_ENDPOINT_URL_S3"
