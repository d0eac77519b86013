import io
import socket
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from moto import mock_aws

from batchgen.errors import SourceEmpty, SourceNotFound, Unavailable
from batchgen.sources import open_source
from batchgen.sources.rows import Row, rows

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

NO_RETRIES = Config(retries={"total_max_attempts": 1}, connect_timeout=1)


def client(endpoint: str | None = None) -> "S3Client":
    return boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id="k",
        aws_secret_access_key="s",
        endpoint_url=endpoint,
        config=NO_RETRIES,
    )


@pytest.fixture
def s3() -> Iterator["S3Client"]:
    with mock_aws():
        s3 = client()
        s3.create_bucket(Bucket="data")
        s3.put_object(Bucket="data", Key="in/ä table?#.csv", Body=b"id\n1\n")
        yield s3


def test_an_object_is_read_and_its_copy_deleted(s3: "S3Client", tmp_path: Path) -> None:
    work = tmp_path / "work"
    with open_source("s3://data/in/ä table?#.csv", work_dir=work, s3=s3) as source:
        assert (source.path.read_bytes(), source.suffix) == (b"id\n1\n", ".csv")
        assert source.path.is_relative_to(work)
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("key", ["in/shop-1.tar.gz", "in/shop-1-py3-none-any.WHL"])
def test_an_archive_is_unpacked_and_deleted(s3: "S3Client", tmp_path: Path, key: str) -> None:
    packed = io.BytesIO()
    if key.endswith(".WHL"):
        with zipfile.ZipFile(packed, "w") as wheel:
            wheel.writestr("shop/__init__.py", "")
    else:
        with tarfile.open(fileobj=packed, mode="w:gz") as sdist:
            sdist.addfile(tarfile.TarInfo("shop/__init__.py"))
    s3.put_object(Bucket="data", Key=key, Body=packed.getvalue())
    with open_source(f"s3://data/{key}", work_dir=tmp_path, s3=s3) as source:
        assert (source.path / "shop" / "__init__.py").is_file()
    assert list(tmp_path.iterdir()) == []


def test_the_copy_is_deleted_when_reading_fails(s3: "S3Client", tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), open_source("s3://data/in/ä table?#.csv", work_dir=tmp_path, s3=s3):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("location", ["s3://data/nothing.csv", "s3://no-such-bucket/x.csv", "s3://B%/x.csv"])
def test_what_is_not_there_is_not_found(location: str, s3: "S3Client", tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound), open_source(location, work_dir=tmp_path, s3=s3):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("status", "problem"), [(403, "access is denied"), (400, "Bad Request")])
def test_a_refusal_is_not_found(status: int, problem: str, tmp_path: Path) -> None:
    s3 = client()
    with Stubber(s3) as answers:
        answers.add_client_error("head_object", str(status), "Bad Request", http_status_code=status)
        with pytest.raises(SourceNotFound) as raised, open_source("s3://data/x.csv", work_dir=tmp_path, s3=s3):
            pass
    assert problem in raised.value.problem


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_unavailable(status: int, tmp_path: Path) -> None:
    s3 = client()
    with Stubber(s3) as answers:
        answers.add_client_error("head_object", "SlowDown", "Slow down", http_status_code=status)
        with pytest.raises(Unavailable) as raised, open_source("s3://data/x.csv", work_dir=tmp_path, s3=s3):
            pass
    assert raised.value.service == "S3"


def test_no_server_is_unavailable(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        s3 = client(f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(Unavailable) as raised, open_source("s3://data/x.csv", work_dir=tmp_path, s3=s3):
            pass
    assert "\n" not in str(raised.value)


def test_all_tables_below_a_prefix_are_read_in_the_order_of_their_keys(s3: "S3Client", tmp_path: Path) -> None:
    s3.put_object(Bucket="data", Key="day/2.csv", Body=b"id\nc\n")
    s3.put_object(Bucket="data", Key="day/1.csv", Body=b"id\na\nb,too many\n")
    s3.put_object(Bucket="data", Key="day/3/x.jsonl", Body=b'{"id": "d"}\n')
    s3.put_object(Bucket="data", Key="day/readme.txt", Body=b"no table")
    s3.put_object(Bucket="data", Key="day/", Body=b"")
    with open_source("s3://data/day/", work_dir=tmp_path, s3=s3) as source:
        found = list(rows(source))
    told = [(row.number, row.values["id"] if isinstance(row, Row) else row.problem[:6], row.place) for row in found]
    assert told == [
        (1, "a", "line 2 of s3://data/day/1.csv"),
        (2, "it has", "line 3 of s3://data/day/1.csv"),
        (3, "c", "line 2 of s3://data/day/2.csv"),
        (4, "d", "line 1 of s3://data/day/3/x.jsonl"),
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_prefix_without_tables_is_told(s3: "S3Client", tmp_path: Path) -> None:
    with pytest.raises(SourceEmpty, match="no table"), open_source("s3://data/none/", work_dir=tmp_path, s3=s3):
        pass
