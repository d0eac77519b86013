"""Fetches one S3 object to disk, in parts, with the SDK's own retries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from boto3.exceptions import RetriesExceededError
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError, ParamValidationError

from batchgen.errors import SourceNotFound, Unavailable
from batchgen.sources.archive import ENDINGS

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


@contextmanager
def fetched_object(location: str, work_dir: Path, s3: S3Client | None) -> Iterator[Path]:
    """Give the path of a copy of `s3://bucket/key` that keeps the key's ending; it is gone afterwards."""
    bucket, _, key = location[len("s3://") :].partition("/")
    if not bucket or not key or key.endswith("/"):
        raise SourceNotFound(source=location, problem="it names no object; the form is s3://bucket/key")
    if s3 is None:
        raise SourceNotFound(source=location, problem="S3 is not configured")
    work_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="source-", dir=work_dir) as folder:
        ending = next((each for each in ENDINGS if key.lower().endswith(each)), PurePosixPath(key).suffix)
        path = Path(folder, f"source{ending}")
        download(s3, location, bucket, key, path)
        yield path


def download(s3: S3Client, location: str, bucket: str, key: str, path: Path) -> None:
    """Write the object to `path`."""
    try:
        s3.download_file(bucket, key, str(path))
    except ClientError as error:
        raise refusal(location, error) from error
    except (NoCredentialsError, ParamValidationError) as error:
        raise SourceNotFound(source=location, problem=one_line(error)) from error
    except (BotoCoreError, HTTPClientError, RetriesExceededError) as error:
        raise Unavailable(service="S3", problem=one_line(error)) from error


def refusal(location: str, error: ClientError) -> SourceNotFound | Unavailable:
    """Say what S3's answer means. The SDK asks by HEAD first, whose answers carry a status and no reason."""
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if status == HTTPStatus.NOT_FOUND:
        return SourceNotFound(source=location, problem="there is no such object")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return SourceNotFound(source=location, problem="access is denied")
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(service="S3", problem=one_line(error))
    return SourceNotFound(source=location, problem=one_line(error))


def one_line(error: Exception) -> str:
    """Put the SDK's words on one line, without the full stop that the message adds itself."""
    return " ".join(str(error).split()).rstrip(".")
