"""The connections as blocks: registered from the environment, edited in Prefect, read by every run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from command_line import Run
from pipeline import Pipeline
from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import BlockDocumentUpdate
from prefect_aws import MinIOCredentials, S3Bucket
from prefect_aws.client_parameters import AwsClientParameters
from prefect_redis import RedisDatabase
from pydantic import SecretStr

import flows
from batchgen.errors import InvalidSetting, MissingSetting, UsageError
from batchgen.settings import Settings
from flows.blocks import NAME, SLUGS, OpenAICredentials, load_settings, register

CONNECTIONS = {
    "OPENAI_API_KEY": "sk-first",
    "REDIS_URL": "rediss://ada:p%40ss%2Fword@redis.example.com:6380/2",
    "BATCHGEN_S3_BUCKET": "results",
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "s3-secret",
    "AWS_REGION": "eu-central-1",
}
FIELDS = ("openai_api_key", "openai_base_url", "redis_url", "s3_bucket", "aws_access_key_id", "aws_secret_access_key")


@pytest.fixture(autouse=True)
def without_blocks(client: SyncPrefectClient) -> Iterator[None]:
    """The blocks of one test are gone before the next."""
    yield
    for document in client.read_block_documents():
        if document.name == NAME:
            client.delete_block_document(document.id)


def given(**changes: str) -> Settings:
    return Settings.model_validate(CONNECTIONS | changes)


def test_without_blocks_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCHGEN_S3_BUCKET", "from-the-environment")
    assert load_settings().s3_bucket == "from-the-environment"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"REDIS_URL": "redis://127.0.0.1:6379/0"},
        {"REDIS_URL": "redis://:only-password@[::1]:6379/0"},
        {"REDIS_URL": "rediss://redis.example.com:6380/0?ssl_cert_reqs=none"},
        {"OPENAI_BASE_URL": "https://openai.example.com/v1", "AWS_ENDPOINT_URL_S3": "https://s3.example.com"},
    ],
)
def test_what_is_registered_is_what_runs_get(changes: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(**changes)
    register(settings)
    for name in CONNECTIONS:
        monkeypatch.setenv(name, "the-environment-plays-no-part")
    loaded = load_settings()
    for name in (*FIELDS, "aws_region", "aws_endpoint_url_s3"):
        assert getattr(loaded, name) == getattr(settings, name), name


def test_settings_that_are_no_connection_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    register(given())
    monkeypatch.setenv("BATCHGEN_PUBLIC_URL", "https://results.example.com/")
    assert load_settings().public_url == "https://results.example.com/"
    monkeypatch.setenv("BATCHGEN_POLL_INTERVAL_S", "-1")
    with pytest.raises(InvalidSetting, match="BATCHGEN_POLL_INTERVAL_S"):
        load_settings()


@pytest.mark.parametrize("slug", SLUGS)
def test_some_blocks_without_the_others_are_an_error(slug: str, client: SyncPrefectClient) -> None:
    register(given())
    client.delete_block_document(client.read_block_document_by_name(NAME, slug).id)
    with pytest.raises(UsageError, match=f"no block {slug}/batchgen"):
        load_settings()


def test_a_rotated_key_counts_for_the_next_run(configured: Pipeline) -> None:
    register(configured.services.settings)
    flows.generate("prompt", configured.prompts(1))
    OpenAICredentials(api_key=SecretStr("sk-rotated"), base_url=configured.simulator.base_url).save(
        NAME, overwrite=True
    )
    assert load_settings().openai_api_key == SecretStr("sk-rotated")
    assert flows.generate("prompt", configured.prompts(1))["accepted"] == 1


def test_a_run_takes_its_connections_from_the_blocks(configured: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    register(configured.services.settings)
    for name in CONNECTIONS:
        monkeypatch.delenv(name)
    assert flows.generate("prompt", configured.prompts(2), review="approve")["status"] == "COMPLETED"


def test_registered_again_blocks_are_filled_anew_or_kept() -> None:
    local = {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}
    register(given(**local))
    done = register(given(OPENAI_API_KEY="sk-second", AWS_REGION="us-east-1"), keep=True)
    assert done == {
        "batchgen-openai-credentials/batchgen": "saved",  # it pointed at this machine
        "s3-bucket/batchgen": "kept",
        "redis-database/batchgen": "kept",
    }
    assert (load_settings().openai_api_key, load_settings().aws_region) == (SecretStr("sk-second"), "eu-central-1")
    assert set(register(given(AWS_REGION="us-east-1")).values()) == {"saved"}
    assert load_settings().aws_region == "us-east-1"


def test_temporary_credentials_are_refused() -> None:
    with pytest.raises(UsageError, match="AWS_SESSION_TOKEN"):
        register(given(AWS_SESSION_TOKEN="for-an-hour"))


def test_a_connection_that_is_missing_is_named() -> None:
    with pytest.raises(MissingSetting, match="REDIS_URL"):
        register(Settings.model_validate({name: CONNECTIONS[name] for name in CONNECTIONS if name != "REDIS_URL"}))


def test_minio_credentials_are_as_good() -> None:
    register(given())
    credentials = MinIOCredentials(
        minio_root_user="root",
        minio_root_password=SecretStr("minio-secret"),
        aws_client_parameters=AwsClientParameters(endpoint_url="https://minio.example.com"),
    )
    S3Bucket(bucket_name="other", credentials=credentials).save(NAME, overwrite=True)
    loaded = load_settings()
    assert (loaded.s3_bucket, loaded.aws_access_key_id) == ("other", "root")
    assert loaded.aws_secret_access_key == SecretStr("minio-secret")
    assert loaded.aws_endpoint_url_s3 == "https://minio.example.com"


def test_a_form_that_was_saved_without_its_secret_is_told_and_registering_repairs_it(
    client: SyncPrefectClient,
) -> None:
    """The UI's form of the S3 bucket puts a copy of the credentials in their block's place, secret hidden."""
    register(given())
    shown = client.read_block_document_by_name(NAME, "s3-bucket", include_secrets=False)
    client.update_block_document(shown.id, BlockDocumentUpdate(data=shown.data, merge_existing_data=False))
    with pytest.raises(UsageError, match="asterisks for AWS_SECRET_ACCESS_KEY"):
        load_settings()
    register(given())
    assert load_settings().aws_secret_access_key == SecretStr("s3-secret")


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (S3Bucket(bucket_name="results", bucket_folder="sub"), "bucket folder"),
        (OpenAICredentials(api_key=SecretStr("sk-geheim-ä")), "OPENAI_API_KEY"),
    ],
)
def test_a_block_that_cannot_be_used_is_told_without_its_secrets(block: Block, said: str) -> None:
    register(given())
    block.save(NAME, overwrite=True)
    with pytest.raises(UsageError, match=said) as told:
        load_settings()
    assert "geheim" not in str(told.value)


def test_the_form_of_the_openai_block_explains_its_fields() -> None:
    fields: dict[str, Any] = OpenAICredentials.model_json_schema()["properties"]
    assert all(fields[name]["title"] and fields[name]["description"] for name in ("api_key", "base_url"))


def test_the_command_registers_them(
    configured: Pipeline, prefect_server: str, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    assert set(run("blocks", "register", "--json").document["blocks"].values()) == {"saved"}
    assert load_settings().redis_url == configured.services.settings.redis_url
    assert "saved" in run("blocks", "register").out
    monkeypatch.setenv("AWS_SESSION_TOKEN", "for-an-hour")
    refused = run("blocks", "register", "--json")
    assert (refused.code, "AWS_SESSION_TOKEN" in refused.document["error"]["message"]) == (2, True)


def test_a_prefect_server_that_is_away_is_told(configured: Pipeline, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    del configured
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "0")
    for command in (("blocks", "register"), ("up", "--worker")):
        told = run(*command, "--json")
        assert told.code == 2
        assert "Prefect cannot be reached: http://127.0.0.1:9/api" in told.document["error"]["message"]


def test_a_redis_block_without_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    register(given())
    RedisDatabase(host="plain.example.com").save(NAME, overwrite=True)
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert load_settings().redis_url == SecretStr("redis://plain.example.com:6379/0")
