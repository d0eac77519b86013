"""Every setting, read once at the top (command line, flows, services) and handed down as values.

The environment wins over `.env`, which is searched from the working directory upward, then from the running script's
folder upward. BATCHGEN_ENV_FILE names another file; set to nothing, none is read.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from batchgen.errors import InvalidSetting, MissingSetting

DEFAULT_PUBLIC_URL = "https://d3fej89xf1vai5.cloudfront.net/"
_SIGNING_PREFIX = "whsec_"
_LEAST_KEY = 16
"""Characters of an API key."""


def default_state_dir() -> Path:
    """Where this user's local state lies: the XDG state folder."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "batchgen"


class Settings(BaseSettings):
    """All settings; the name of each environment variable is its alias."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    openai_api_key: SecretStr | None = Field(None, alias="OPENAI_API_KEY")
    """Key for OpenAI or a server that speaks its API."""
    openai_base_url: str | None = Field(None, alias="OPENAI_BASE_URL")
    """Address of a server that speaks OpenAI's API, ending in /v1; unset: OpenAI itself."""
    openai_webhook_secret: SecretStr | None = Field(None, alias="OPENAI_WEBHOOK_SECRET")
    """The secret that OpenAI signs the events of our webhook with."""
    redis_url: SecretStr | None = Field(None, alias="REDIS_URL")
    """Address of Redis 7 or Valkey, for example redis://127.0.0.1:6379/0."""
    aws_access_key_id: str | None = Field(None, alias="AWS_ACCESS_KEY_ID")
    """S3 credentials; unset: boto3's default chain."""
    aws_secret_access_key: SecretStr | None = Field(None, alias="AWS_SECRET_ACCESS_KEY")
    """S3 credentials; unset: boto3's default chain."""
    aws_session_token: SecretStr | None = Field(None, alias="AWS_SESSION_TOKEN")
    """Third part of temporary S3 credentials."""
    aws_region: str | None = Field(None, alias="AWS_REGION")
    """Region of the bucket; unset: boto3's default chain."""
    aws_endpoint_url_s3: str | None = Field(None, alias="AWS_ENDPOINT_URL_S3")
    """Address of a server that speaks S3; unset: AWS."""

    s3_bucket: str | None = Field(None, alias="BATCHGEN_S3_BUCKET")
    """Bucket for inputs, raw outputs, results and manifests."""
    public_url: str = Field(DEFAULT_PUBLIC_URL, alias="BATCHGEN_PUBLIC_URL")
    """Domain under which the objects of the bucket can be read."""
    redis_prefix: str = Field("batchgen", alias="BATCHGEN_REDIS_PREFIX", pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
    """First part of every Redis key; two installations may share a Redis, and a bucket, under two prefixes."""
    poll_interval_s: float = Field(30.0, alias="BATCHGEN_POLL_INTERVAL_S", gt=0, allow_inf_nan=False)
    """Seconds between two looks at what OpenAI is doing."""
    adopt_wait_s: float = Field(30.0, alias="BATCHGEN_ADOPT_WAIT_S", ge=0, allow_inf_nan=False)
    """Seconds to wait, after a create call whose answer was lost, before the batch counts as not made."""
    batch_deadline_s: float = Field(93_600.0, alias="BATCHGEN_BATCH_DEADLINE_S", gt=0, allow_inf_nan=False)
    """Seconds after which a batch that OpenAI neither ends nor expires is cancelled; what it has by then is kept."""
    lease_s: float = Field(30.0, alias="BATCHGEN_LEASE_S", ge=1, allow_inf_nan=False)
    """Seconds after which a batch whose worker was killed can be claimed by another."""
    openai_usage_tier: int | None = Field(None, alias="BATCHGEN_OPENAI_USAGE_TIER", ge=1, le=5)
    """The account's usage tier; tells the enqueued-token limits. Unset: none is assumed."""
    model_catalog: Path | None = Field(None, alias="BATCHGEN_MODEL_CATALOG")
    """A YAML file with models beside those that batchgen knows, in the form of its own catalogue."""
    model_policies: Path | None = Field(None, alias="BATCHGEN_MODEL_POLICIES")
    """A YAML file with model policies beside those of batchgen, in the form of its own; of one name, it wins."""
    budgets: Path | None = Field(None, alias="BATCHGEN_BUDGETS")
    """A YAML file with caps on costs; unset: only jobs with a cap of their own have one."""
    analysis_time_limit_s: float = Field(300.0, alias="BATCHGEN_ANALYSIS_TIME_LIMIT_S", gt=0, allow_inf_nan=False)
    """Seconds that the analysis of one CSV file, at once, may take as a flow."""
    types_dir: Path = Field(Path("types"), alias="BATCHGEN_TYPES_DIR")
    """Folder of declared data types, a YAML file each; below the working directory unless it is absolute."""
    api_keys: SecretStr | None = Field(None, alias="BATCHGEN_API_KEYS")
    """Keys of those who may call `batchgen serve`, with commas between; unset: it answers on this machine alone."""
    api_rate: str = Field("60/minute", alias="BATCHGEN_API_RATE")
    """How often each of them may call, for example 10/second or 1000/hour."""
    state_dir: Path = Field(default_factory=default_state_dir, alias="BATCHGEN_STATE_DIR")
    """Folder for working files and the embedded stack."""
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", alias="BATCHGEN_LOG_LEVEL")
    """Least level of the events that are shown."""
    log_format: Literal["console", "json"] = Field("console", alias="BATCHGEN_LOG_FORMAT")
    """How events are shown on stderr."""

    @field_validator(
        "openai_api_key",
        "openai_webhook_secret",
        "redis_url",
        "aws_secret_access_key",
        "aws_session_token",
        "aws_access_key_id",
        "api_keys",
        mode="before",
    )
    @classmethod
    def _clean(cls, value: object) -> object:
        """Strip line ends, as files of secrets have them; refuse what no header can carry, without showing it."""
        secret = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not isinstance(secret, str):
            return value
        secret = secret.strip()
        if not (secret.isascii() and secret.isprintable()):
            raise ValueError("it holds characters that no key has")
        return secret

    @field_validator("openai_webhook_secret")
    @classmethod
    def _signs(cls, value: SecretStr | None) -> SecretStr | None:
        """Refuse a secret that comes down to an empty key, with which anybody could sign."""
        if value is not None and not _signing_key(value.get_secret_value()):
            raise ValueError("it is not what OpenAI shows, whsec_ and base64")
        return value

    @field_validator("api_keys")
    @classmethod
    def _are_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        """Refuse keys that can be guessed."""
        keys = [] if value is None else _parted(value)
        if value is not None and (not keys or any(len(key) < _LEAST_KEY for key in keys)):
            raise ValueError(f"each key needs {_LEAST_KEY} characters at least")
        return value

    @field_validator("api_rate")
    @classmethod
    def _is_a_rate(cls, value: str) -> str:
        from limits import parse  # noqa: PLC0415 - where the setting is given alone

        parse(value)
        return value

    @field_validator("openai_base_url", "aws_endpoint_url_s3")
    @classmethod
    def _without_password(cls, value: str | None) -> str | None:
        if value is not None and "@" in urlsplit(value).netloc:
            raise ValueError("it holds a user name or password; give them by their own variables")
        return value

    @classmethod
    def load(cls, overrides: Mapping[str, object] | None = None) -> Settings:
        """Read the environment and .env; `overrides`, by variable, win. Raises InvalidSetting naming the variable."""
        file = find_env_file()
        values: dict[str, Any] = dict(overrides or {})
        try:
            return cls(_env_file=file, _env_file_encoding="utf-8-sig", **values)
        except UnicodeDecodeError as error:
            raise InvalidSetting(variable=str(file), problem="it is not UTF-8 text") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = str(first["loc"][0]) if first["loc"] else "?"
            raise InvalidSetting(variable=field, problem=first["msg"]) from None

    def keys_of_api(self) -> list[str]:
        """The keys of those who may call; none: everybody may."""
        return [] if self.api_keys is None else _parted(self.api_keys)

    def webhook_secret(self) -> str:
        """The secret of our webhook at OpenAI, or MissingSetting: nothing can be embedded for it."""
        if self.openai_webhook_secret is None:
            where = ", to the secret that OpenAI showed when the webhook was made"
            raise MissingSetting(what="The webhook", variable="OPENAI_WEBHOOK_SECRET", otherwise=where)
        return self.openai_webhook_secret.get_secret_value()

    def require(self, *, what: str, field: str) -> str:
        """Return a setting that must be there, or raise MissingSetting with its variable's name."""
        value = getattr(self, field)
        if value is None:
            raise MissingSetting(what=what, variable=str(type(self).model_fields[field].alias))
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _parted(keys: SecretStr) -> list[str]:
    return [key.strip() for key in keys.get_secret_value().split(",") if key.strip()]


def _signing_key(secret: str) -> bytes:
    """The bytes that a Standard Webhooks secret stands for; none if it is malformed."""
    if not secret.startswith(_SIGNING_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_SIGNING_PREFIX), validate=True)
    except ValueError:
        return b""


def find_env_file() -> Path | None:
    """The .env that counts, or None; raises InvalidSetting if the one that is named does not exist."""
    named = os.environ.get("BATCHGEN_ENV_FILE")
    if named is not None:
        if named and not Path(named).is_file():
            raise InvalidSetting(variable="BATCHGEN_ENV_FILE", problem=f"there is no file {named}")
        return Path(named) if named else None
    script = Path(sys.argv[0]).resolve().parent if sys.argv and sys.argv[0] else Path.cwd()
    for start in (Path.cwd(), script):
        for folder in (start, *start.parents):
            if (folder / ".env").is_file():
                return folder / ".env"
    return None
