"""A bucket of a test's own that remembers which requests reached it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from batchgen.local.s3_server import REGION, S3Access
from batchgen.storage.uploads import BatchUploadManager, connect_s3

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PUBLIC_URL = "https://results.example.com/"


def s3_client(access: S3Access, **changes: str) -> S3Client:
    """The project's own client for an S3 server."""
    access = replace(access, **changes)
    return connect_s3(
        endpoint_url=access.endpoint,
        access_key_id=access.access_key,
        secret_access_key=access.secret_key,
        session_token=None,
        region=REGION,
    )


@dataclass
class Bucket:
    """A new bucket, its manager, and the names of the operations asked of it so far."""

    name: str
    client: S3Client
    manager: BatchUploadManager
    asked: list[str] = field(default_factory=list)

    @classmethod
    def create(cls, access: S3Access) -> Bucket:
        """Make a bucket with a new name."""
        name, client = f"test-{secrets.token_hex(4)}", s3_client(access)
        client.create_bucket(Bucket=name)
        made = cls(name, client, BatchUploadManager(client, bucket=name, public_url=PUBLIC_URL))
        client.meta.events.register("before-call.s3", made.note)
        return made

    def note(self, model: Any, **_rest: Any) -> None:
        """Called by botocore before each request."""
        self.asked.append(model.name)

    def asks(self) -> list[str]:
        """The operations since the last call of this."""
        asked, self.asked[:] = list(self.asked), []
        return asked

    def stored(self, key: str) -> bytes:
        """What the bucket holds under a key."""
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
