"""The embedded S3: durable, written with keys only, results readable in a browser, everything else closed."""

import os
import signal
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from batchgen.local import s3_server, servers
from batchgen.local.s3_server import RunningS3, S3Access

BUCKET = "results"
RESULT = "batch/prompt/b1/results.jsonl"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningS3]:
    server = s3_server.start(tmp_path_factory.mktemp("s3"))
    s3_server.ensure_bucket(server.access, BUCKET)
    client = server.access.client()
    client.put_object(Bucket=BUCKET, Key=RESULT, Body=b'{"record_id": "1"}\n', ContentType="application/jsonl")
    client.put_object(Bucket=BUCKET, Key="state/b1/manifest.json", Body=b"{}")
    yield server
    server.stop()


def ask(running: RunningS3, path: str, method: str = "GET", port: int | None = None) -> tuple[int, bytes]:
    """Without keys, as a browser does."""
    address = urlsplit(running.access.endpoint)
    connection = HTTPConnection(str(address.hostname), port or address.port, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_a_result_opens_without_keys(running: RunningS3) -> None:
    assert ask(running, f"/{BUCKET}/{RESULT}") == (200, b'{"record_id": "1"}\n')


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/{BUCKET}/state/b1/manifest.json"),
        ("GET", f"/{BUCKET}/batch/../state/b1/manifest.json"),
        ("GET", f"/{BUCKET}/batch/%2e%2e/state/b1/manifest.json"),
        ("GET", f"/{BUCKET}?list-type=2"),
        ("GET", f"/{BUCKET}?list-type=2&prefix=batch/"),
        ("GET", f"/{BUCKET}?policy"),
        ("GET", "/"),
        ("PUT", f"/{BUCKET}/batch/new"),
        ("DELETE", f"/{BUCKET}/{RESULT}"),
        ("PUT", "/another-bucket"),
    ],
)
def test_nothing_else_is_open_without_keys(running: RunningS3, method: str, path: str) -> None:
    status, _ = ask(running, path, method)
    assert status in {400, 403}


def test_wrong_keys_are_refused(running: RunningS3) -> None:
    stranger = S3Access(running.access.endpoint, running.access.access_key, "wrong")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.client().list_buckets()


def test_a_missing_bucket_is_an_error(running: RunningS3) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        running.access.client().put_object(Bucket="misspelt", Key="x", Body=b"")


@pytest.mark.parametrize(
    "path",
    [
        "/dir/assign",
        "/submit",
        f"/col/delete?collection={BUCKET}",
        f"/buckets/{BUCKET}/state/b1/manifest.json",
        "/1,01637037d6",
    ],
)
def test_the_ports_behind_the_gateway_give_nothing_away(running: RunningS3, path: str) -> None:
    inner = [int(option.partition("=")[2]) for option in running.server.plan.command() if ".port=" in option]
    assert len(inner) == 4
    for port in inner:
        if port != urlsplit(running.access.endpoint).port:
            assert _refused(running, path, port), port


def _refused(running: RunningS3, path: str, port: int) -> bool:
    status, _ = ask(running, path, port=port)
    return status in {401, 403, 404}


def test_asking_twice_for_the_bucket_changes_nothing(running: RunningS3) -> None:
    s3_server.ensure_bucket(running.access, BUCKET)
    assert ask(running, f"/{BUCKET}/{RESULT}")[0] == 200


def test_objects_outlive_a_kill_and_sockets_do_not(tmp_path: Path) -> None:
    first = s3_server.start(tmp_path)
    s3_server.ensure_bucket(first.access, BUCKET)
    first.access.client().put_object(Bucket=BUCKET, Key="batch/big", Body=b"0123456789" * 500_000)
    os.kill(first.server.process.pid, signal.SIGKILL)
    first.stop()
    port = urlsplit(first.access.endpoint).port
    assert not list(Path("/tmp").glob(f"seaweedfs-*{port}.sock"))  # noqa: S108 - where the server puts them

    second = s3_server.start(tmp_path)  # on other ports

    body = second.access.client().get_object(Bucket=BUCKET, Key="batch/big")["Body"].read()
    assert body == b"0123456789" * 500_000
    servers.stop(second.server.process, second.server.plan)
