"""The connections as Prefect blocks: types, filling them from the environment, and loading them inside a run.

All three are called `batchgen`. They are read anew by every run, so that a rotated key counts from the next run on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from prefect.blocks.abstract import CredentialsBlock
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from pydantic import Field, SecretStr

from batchgen.errors import InvalidSetting, UsageError
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.manager import OpenAIClientManager
from batchgen.settings import Settings

if TYPE_CHECKING:
    from openai import OpenAI

NAME = "batchgen"
OPENAI = "batchgen-openai-credentials"
S3 = "s3-bucket"
REDIS = "redis-database"
SLUGS = (OPENAI, S3, REDIS)
"""The types of the three blocks."""

_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}


class OpenAICredentials(CredentialsBlock):
    """The key for OpenAI's API, or for a server that speaks it, with which batchgen sends its batches."""

    _block_type_name = "Batchgen OpenAI Credentials"
    _block_type_slug = OPENAI

    api_key: SecretStr = Field(
        title="API key",
        description="From the API keys page of your OpenAI project. Replaced here, it counts from the next run on.",
    )
    base_url: str | None = Field(
        default=None,
        title="Base URL",
        description="Address of another server that speaks OpenAI's API, ending in /v1. Empty: OpenAI itself.",
    )

    def get_client(self) -> OpenAI:
        """Return a client of the SDK with these credentials."""
        key, address = self.api_key.get_secret_value(), self.base_url or None
        return OpenAIClientManager.shared(api_key=key, base_url=address, catalog=ModelCatalog.load()).get_sync_client()


def load_settings() -> Settings:
    """Settings with the connections of the blocks; where none of the three exists, those of the environment.

    Raises UsageError where only some exist or one cannot be used.
    """
    documents = _read()
    if not documents:
        return Settings.load()
    missing = [_title(slug) for slug in SLUGS if slug not in documents]
    if missing:
        raise UsageError(
            f"Prefect has no block {' and no block '.join(missing)}, but the other blocks of batchgen.",
            "Run batchgen blocks register, or delete them all to use the environment.",
        )
    connections = _openai(documents[OPENAI]) | _s3(documents[S3]) | _redis(documents[REDIS])
    for variable, value in connections.items():
        if isinstance(value, str) and value and not value.strip("*"):  # what a form shows in a secret's place
            raise UsageError(
                f"A block of batchgen holds asterisks for {variable}: a form was saved that did not know the secret.",
                "Run batchgen blocks register, or write the secret into the block again.",
            )
    try:
        return Settings.load(connections)
    except InvalidSetting as error:
        if error.variable not in connections:
            raise
        raise UsageError(
            f"A block of batchgen holds a value for {error.variable} that cannot be used: {error.problem}.",
            "Correct it in the Prefect UI under Blocks.",
        ) from None


def register(settings: Settings, *, keep: bool = False) -> dict[str, str]:
    """Create the block types and fill the blocks from the settings; returns what became of each: saved or kept.

    With `keep` a block that exists stays as it is, unless it points at a server on this machine. Raises MissingSetting,
    and UsageError for temporary credentials.
    """
    old = _read() if keep else {}
    done: dict[str, str] = {}
    for slug, block in _blocks(settings).items():
        type(block).register_type_and_schema()
        if slug in old and not _is_local(slug, old[slug]):
            done[_title(slug)] = "kept"
            continue
        if slug == S3:
            block.credentials.save(NAME, overwrite=True)  # a block of its own, which the bucket then refers to
        block.save(NAME, overwrite=True)
        done[_title(slug)] = "saved"
    return done


def _read() -> dict[str, dict[str, Any]]:
    """What the blocks that exist hold, by type; secrets included.

    Their documents are enough: the blocks' own classes take half a second to import, which every run would pay.
    """
    documents: dict[str, dict[str, Any]] = {}
    with get_client(sync_client=True) as client:
        for slug in SLUGS:
            try:
                documents[slug] = client.read_block_document_by_name(NAME, slug).data
            except ObjectNotFound:
                continue
    return documents


def _title(slug: str) -> str:
    return f"{slug}/{NAME}"


def _openai(document: dict[str, Any]) -> dict[str, object]:
    return {"OPENAI_API_KEY": document.get("api_key"), "OPENAI_BASE_URL": document.get("base_url") or None}


def _s3(document: dict[str, Any]) -> dict[str, object]:
    """Its credentials are those of AWS or of MinIO."""
    if document.get("bucket_folder"):
        raise UsageError(
            f"The block {_title(S3)} names the folder {document['bucket_folder']!r}, and batchgen uses whole buckets.",
            "Empty the block's bucket folder in the Prefect UI under Blocks.",
        )
    credentials = document.get("credentials") or {}
    if credentials.get("profile_name") or credentials.get("assume_role_arn"):
        raise UsageError(
            f"The credentials of {_title(S3)} name a profile or a role, which batchgen does not read.",
            "Give keys, or nothing: then boto3's default chain finds profile or role where the flows run.",
        )
    parameters = credentials.get("aws_client_parameters") or {}
    return {
        "BATCHGEN_S3_BUCKET": document.get("bucket_name"),
        "AWS_ACCESS_KEY_ID": credentials.get("aws_access_key_id") or credentials.get("minio_root_user"),
        "AWS_SECRET_ACCESS_KEY": credentials.get("aws_secret_access_key") or credentials.get("minio_root_password"),
        "AWS_SESSION_TOKEN": credentials.get("aws_session_token"),
        "AWS_REGION": credentials.get("region_name"),
        "AWS_ENDPOINT_URL_S3": parameters.get("endpoint_url"),
    }


def _redis(document: dict[str, Any]) -> dict[str, object]:
    if document.get("connection_url"):
        return {"REDIS_URL": document["connection_url"]}
    user, password = (quote(document.get(name) or "", safe="") for name in ("username", "password"))
    login = f"{user}:{password}@" if user or password else ""
    host = str(document.get("host") or "localhost")
    place = f"[{host}]" if ":" in host else host
    scheme = "rediss" if document.get("ssl") else "redis"
    return {"REDIS_URL": f"{scheme}://{login}{place}:{document.get('port') or 6379}/{document.get('db') or 0}"}


def _blocks(settings: Settings) -> dict[str, Any]:
    """The three blocks as the settings fill them."""
    from prefect_aws import AwsCredentials, S3Bucket  # noqa: PLC0415 - see _read
    from prefect_aws.client_parameters import AwsClientParameters  # noqa: PLC0415

    if settings.aws_session_token is not None:
        raise UsageError(
            "AWS_SESSION_TOKEN is set: these credentials are temporary, and a block would stop working with them.",
            "Give lasting keys, or none, so that boto3's default chain finds some where the flows run.",
        )
    openai = OpenAICredentials(
        api_key=SecretStr(settings.require(what="OpenAI", field="openai_api_key")), base_url=settings.openai_base_url
    )
    credentials = AwsCredentials(
        aws_access_key_id=settings.aws_access_key_id,
        aws_secret_access_key=settings.aws_secret_access_key,
        region_name=settings.aws_region,
        aws_client_parameters=AwsClientParameters(endpoint_url=settings.aws_endpoint_url_s3),
    )
    bucket = S3Bucket(bucket_name=settings.require(what="S3", field="s3_bucket"), credentials=credentials)
    return {OPENAI: openai, S3: bucket, REDIS: _redis_block(settings.require(what="Redis", field="redis_url"))}


def _redis_block(url: str) -> Block:
    """By its parts, which can be edited one by one; an address that says more than they can hold stays whole."""
    from prefect_redis import RedisDatabase  # noqa: PLC0415 - see _read

    parts = urlsplit(url)
    if parts.query or parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        whole: Block = RedisDatabase(connection_url=SecretStr(url))
        return whole
    by_parts: Block = RedisDatabase.from_connection_string(url)
    return by_parts


def _is_local(slug: str, document: dict[str, Any]) -> bool:
    """Whether it points at a server on this machine, as the embedded stack's do."""
    addresses = {
        OPENAI: lambda: _openai(document)["OPENAI_BASE_URL"],
        S3: lambda: _s3(document)["AWS_ENDPOINT_URL_S3"],
        REDIS: lambda: _redis(document)["REDIS_URL"],
    }
    return urlsplit(str(addresses[slug]() or "")).hostname in _THIS_MACHINE
