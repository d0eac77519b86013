"""`BatchUploadManager`: objects to and from S3, as streams."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from batchgen.errors import InvalidSetting, Unavailable
from batchgen.models import StoredObject
from batchgen.storage.s3_errors import SERVICE, s3_errors, translate

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import GetObjectOutputTypeDef

_MIB = 1 << 20
_TRANSFER = TransferConfig(multipart_threshold=64 * _MIB, multipart_chunksize=64 * _MIB, max_concurrency=2)
_HASH_NAME = "sha256"
CONTENT_TYPES = {
    ".jsonl": "application/jsonl; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".py": "text/x-python; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".patch": "text/x-diff; charset=utf-8",
}


def connect_s3(
    *,
    endpoint_url: str | None,
    access_key_id: str | None,
    secret_access_key: str | None,
    session_token: str | None,
    region: str | None,
) -> S3Client:
    """A client with bounded retries for faults of seconds; opens no connection yet. None: boto3's default chain.

    Raises InvalidSetting for an address that is none.
    """
    config = Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=16,
        request_checksum_calculation="when_required",  # other servers than AWS refuse the newer trailers
        response_checksum_validation="when_required",
        s3={"payload_signing_enabled": False},  # TLS guards the body; hashing it to sign it would cost as much again
    )
    try:
        client: S3Client = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint_url,
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret_access_key,
            aws_session_token=session_token,
            region_name=region or ("us-east-1" if endpoint_url else None),
            config=config,
        )
    except ValueError as error:
        problem = f"{endpoint_url!r} is no http:// or https:// address"
        raise InvalidSetting(variable="AWS_ENDPOINT_URL_S3", problem=problem) from error
    return client


class BatchUploadManager:
    """Puts, gets and copies objects of one bucket. Safe to use from threads."""

    def __init__(self, client: S3Client, *, bucket: str, public_url: str) -> None:
        """`public_url` is the domain under which the bucket's `batch/` can be read."""
        self._client = client
        self._bucket = bucket
        self._public_url = public_url.rstrip("/")

    @property
    def client(self) -> S3Client:
        """The client, for sources that lie in S3."""
        return self._client

    @property
    def endpoint(self) -> str:
        """Where the bucket is, for messages."""
        return str(self._client.meta.endpoint_url)

    def check(self) -> None:
        """Raise BucketMissing, AccessDenied or Unavailable unless the bucket is there and may be read."""
        with self._errors():
            try:
                self._client.head_bucket(Bucket=self._bucket)
            except ClientError as error:
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404:  # noqa: PLR2004 - HTTP status code
                    raise
                # A HEAD has no body, so that a missing bucket shows as a bare 404.
                error.response["Error"] = {"Code": "NoSuchBucket"}
                raise translate(error, self._bucket, self.endpoint) from error

    def url(self, key: str) -> str:
        """Public address of an object."""
        return f"{self._public_url}/{quote(key)}"

    def upload(self, path: Path, key: str, *, sha256: str | None = None) -> StoredObject:
        """Send a file, large ones in parts; what is there with the same content is not sent again."""
        size, content_type = path.stat().st_size, CONTENT_TYPES.get(path.suffix, "application/octet-stream")
        digest = sha256 or file_sha256(path)
        stored = StoredObject(key=key, url=self.url(key), size=size, sha256=digest, content_type=content_type)
        with self._errors():
            if self._stored_hash(key, size) != digest:
                extra = {"ContentType": content_type, "Metadata": {_HASH_NAME: digest}}
                self._client.upload_file(str(path), self._bucket, key, ExtraArgs=extra, Config=_TRANSFER)
        return stored

    def send(self, path: Path, key: str) -> None:
        """Send a file whose fingerprint nobody asks for, always: to read it for one costs as much as to send it."""
        content_type = CONTENT_TYPES.get(path.suffix, "application/octet-stream")
        with self._errors():
            self._client.upload_file(
                str(path), self._bucket, key, ExtraArgs={"ContentType": content_type}, Config=_TRANSFER
            )

    def put(self, content: bytes, key: str) -> StoredObject:
        """Send a small object (a manifest, a report), always."""
        content_type = CONTENT_TYPES.get(Path(key).suffix, "application/octet-stream")
        digest = hashlib.sha256(content).hexdigest()
        with self._errors():
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=content, ContentType=content_type, Metadata={_HASH_NAME: digest}
            )
        return StoredObject(key=key, url=self.url(key), size=len(content), sha256=digest, content_type=content_type)

    def holds(self, stored: StoredObject) -> bool:
        """Whether an object is there as it was stored."""
        with self._errors():
            return self._stored_hash(stored.key, stored.size) == stored.sha256

    def publish(self, key: str, public_key: str, *, sha256: str, size: int) -> StoredObject:
        """Copy an object to where readers see it, within S3. Raises FileNotFoundError."""
        content_type = CONTENT_TYPES.get(Path(public_key).suffix, "application/octet-stream")
        with self._errors():
            if self._stored_hash(public_key, size) != sha256:
                self._copy(key, public_key, content_type, sha256)
        return StoredObject(
            key=public_key, url=self.url(public_key), size=size, sha256=sha256, content_type=content_type
        )

    def delete(self, keys: list[str]) -> None:
        """Delete objects; those that are gone already are fine."""
        with self._errors():
            for key in keys:
                self._client.delete_object(Bucket=self._bucket, Key=key)

    def download(self, key: str, path: Path) -> Path:
        """Fetch an object into a file; the file appears only when it is whole. Raises FileNotFoundError."""
        part = path.with_name(path.name + ".part")
        with self._errors():
            answer = self._get(key)
            with part.open("wb") as file:
                for chunk in answer["Body"].iter_chunks(_MIB):
                    file.write(chunk)
                received = file.tell()
        if received != answer["ContentLength"]:
            part.unlink()
            raise Unavailable(
                service=SERVICE, problem=f"{key} ended after {received} of {answer['ContentLength']} bytes"
            )
        part.replace(path)
        return path

    def read(self, key: str) -> bytes:
        """Return a small object; raises FileNotFoundError."""
        with self._errors():
            return self._get(key)["Body"].read()

    def lines(self, key: str) -> Generator[bytes]:
        """Yield an object's lines as they arrive, without their ends; raises FileNotFoundError."""
        with self._errors(), closing(self._get(key)["Body"]) as body:  # whoever has read enough leaves the rest
            yield from body.iter_lines()

    def keys(self, prefix: str, *, limit: int | None = None) -> Iterator[str]:
        """The keys that begin so, in their order, read page by page; at most `limit`."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, PaginationConfig={} if limit is None else {"MaxItems": limit}
        )
        with self._errors():
            for page in pages:
                for found in page.get("Contents", ()):
                    yield found["Key"]

    def _get(self, key: str) -> GetObjectOutputTypeDef:
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                raise FileNotFoundError(key) from error
            raise

    def _copy(self, key: str, to: str, content_type: str, sha256: str) -> None:
        try:
            self._client.copy_object(
                Bucket=self._bucket,
                Key=to,
                CopySource={"Bucket": self._bucket, "Key": key},
                ContentType=content_type,
                Metadata={_HASH_NAME: sha256},
                MetadataDirective="REPLACE",
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                raise FileNotFoundError(key) from error
            raise

    def _stored_hash(self, key: str, size: int) -> str | None:
        try:
            head = self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:  # noqa: PLR2004 - HTTP status code
                return None
            raise
        return head["Metadata"].get(_HASH_NAME) if head["ContentLength"] == size else None

    def _errors(self) -> AbstractContextManager[None]:
        return s3_errors(self._bucket, self.endpoint)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, read as a stream."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
