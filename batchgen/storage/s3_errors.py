"""Turns what boto3 raises into our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import urllib3.exceptions
from boto3.exceptions import S3UploadFailedError
from botocore import exceptions

from batchgen.errors import AccessDenied, BucketMissing, InvalidSetting, Unavailable

SERVICE = "S3"
_DENIED = {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "401"}
_BUSY = {"SlowDown", "RequestTimeout", "RequestTimeTooSkewed", "InternalError", "ServiceUnavailable", "Throttling"}
_CREDENTIALS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


@contextmanager
def s3_errors(bucket: str, endpoint: str) -> Iterator[None]:
    """Raise Unavailable where waiting can help; AccessDenied, BucketMissing or InvalidSetting where it cannot."""
    try:
        yield
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.ProfileNotFound) as error:
        raise AccessDenied(service=SERVICE, problem=_one_line(error), variable=_CREDENTIALS) from error
    except exceptions.NoRegionError as error:
        raise InvalidSetting(variable="AWS_REGION", problem="it is not set, and boto3 found none either") from error
    except exceptions.ParamValidationError as error:
        raise InvalidSetting(variable="BATCHGEN_S3_BUCKET", problem=f"{bucket!r} is no name of a bucket") from error
    except exceptions.ClientError as error:
        ours = translate(error, bucket, endpoint)
        if ours is error:
            raise
        raise ours from error
    except S3UploadFailedError as error:
        cause = error.__context__
        if isinstance(cause, exceptions.ClientError):
            raise translate(cause, bucket, endpoint) from error
        raise Unavailable(service=SERVICE, problem=_one_line(error)) from error
    except (exceptions.BotoCoreError, urllib3.exceptions.HTTPError, ConnectionError) as error:
        raise Unavailable(service=SERVICE, problem=_one_line(error)) from error


def translate(error: exceptions.ClientError, bucket: str, endpoint: str) -> Exception:
    """The error of ours for an answer of S3, or the answer itself where it is none of the usual ones."""
    answer = error.response.get("Error", {})
    code = str(answer.get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "NoSuchBucket":
        return BucketMissing(bucket=bucket, endpoint=endpoint)
    if code in _DENIED:
        return AccessDenied(service=SERVICE, problem=answer.get("Message") or code, variable=_CREDENTIALS)
    if code in _BUSY or status >= 500 or status == 429:  # noqa: PLR2004 - HTTP status codes
        return Unavailable(service=SERVICE, problem=answer.get("Message") or code, answers=True)
    return error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
