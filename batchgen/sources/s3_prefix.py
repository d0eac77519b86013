"""All tables below an S3 prefix, one after the other in the order of their keys; one at a time lies on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from batchgen.errors import SourceEmpty, SourceNotFound, Unavailable
from batchgen.sources.opened import OpenedSource
from batchgen.sources.s3_object import fetched_object, one_line, refusal

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def tables_below(
    location: str, work_dir: Path, s3: S3Client | None, *, is_table: Callable[[str], bool]
) -> OpenedSource:
    """Return the source of a prefix `s3://bucket/prefix/`; raises SourceNotFound, SourceEmpty, Unavailable."""
    bucket, _, prefix = location[len("s3://") :].partition("/")
    if not bucket:
        raise SourceNotFound(source=location, problem="it names no bucket; the form is s3://bucket/prefix/")
    if s3 is None:
        raise SourceNotFound(source=location, problem="S3 is not configured")
    keys = [key for key in _keys(s3, location, bucket, prefix) if is_table(key)]
    if not keys:
        raise SourceEmpty(source=location, advice="There is no table below it: CSV, TSV, JSON lines or Parquet.")

    def parts() -> Iterator[OpenedSource]:
        for key in keys:
            part = f"s3://{bucket}/{key}"
            with fetched_object(part, work_dir, s3) as path:
                yield OpenedSource(part, path)

    return OpenedSource.of_parts(location, parts)


def _keys(s3: S3Client, location: str, bucket: str, prefix: str) -> Iterator[str]:
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from (found["Key"] for found in page.get("Contents", ()) if found["Size"])
    except ClientError as error:
        raise refusal(location, error) from error
    except BotoCoreError as error:
        raise Unavailable(service="S3", problem=one_line(error)) from error
