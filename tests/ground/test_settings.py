"""Where settings come from, which of two wins, and that no secret is shown."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from batchgen.errors import InvalidSetting, MissingSetting
from batchgen.settings import Settings

SECRETS = {
    "OPENAI_API_KEY": "sk-hunter-1",
    "REDIS_URL": "redis://:hunter-2@127.0.0.1:6379/0",
    "AWS_SECRET_ACCESS_KEY": "hunter-3",
    "AWS_SESSION_TOKEN": "hunter-4",
}


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with `work/deep` (the working directory) and `scripts/run.py` (the running script)."""
    monkeypatch.delenv("BATCHGEN_ENV_FILE")
    work, scripts = tmp_path / "work" / "deep", tmp_path / "scripts" / "deep"
    work.mkdir(parents=True)
    scripts.mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setattr(sys, "argv", [str(scripts / "run.py")])
    return tmp_path


def bucket_in(file: Path, name: str) -> None:
    file.write_text(f"BATCHGEN_S3_BUCKET={name}\n", encoding="utf-8")


@pytest.mark.parametrize("folder", ["work/deep", "work", "scripts/deep", "scripts"])
def test_env_file_is_found_upward_of_the_working_directory_and_of_the_script(search: Path, folder: str) -> None:
    bucket_in(search / folder / ".env", "found")
    assert Settings.load().s3_bucket == "found"


def test_the_working_directory_is_searched_first(search: Path) -> None:
    bucket_in(search / "scripts/deep/.env", "of-the-script")
    bucket_in(search / "work/.env", "of-the-directory")
    assert Settings.load().s3_bucket == "of-the-directory"


def test_the_nearest_env_file_counts(search: Path) -> None:
    bucket_in(search / "work/.env", "far")
    bucket_in(search / "work/deep/.env", "near")
    assert Settings.load().s3_bucket == "near"


def test_the_environment_wins_over_the_env_file(search: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket_in(search / "work/deep/.env", "of-the-file")
    monkeypatch.setenv("BATCHGEN_S3_BUCKET", "of-the-environment")
    assert Settings.load().s3_bucket == "of-the-environment"


def test_an_env_file_named_by_nothing_is_none(search: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket_in(search / "work/deep/.env", "found")
    monkeypatch.setenv("BATCHGEN_ENV_FILE", "")
    assert Settings.load().s3_bucket is None


def test_an_env_file_can_be_named(search: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket_in(search / "work/deep/.env", "found")
    bucket_in(search / "other.env", "named")
    monkeypatch.setenv("BATCHGEN_ENV_FILE", str(search / "other.env"))
    assert Settings.load().s3_bucket == "named"


def test_a_named_env_file_must_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BATCHGEN_ENV_FILE", str(tmp_path / "misspelt.env"))
    with pytest.raises(InvalidSetting, match=r"BATCHGEN_ENV_FILE.*misspelt\.env"):
        Settings.load()


def test_an_env_file_with_a_byte_order_mark_is_read(search: Path) -> None:
    (search / "work/deep/.env").write_text("BATCHGEN_S3_BUCKET=first\n", encoding="utf-8-sig")
    assert Settings.load().s3_bucket == "first"


def test_an_env_file_in_another_encoding_is_named(search: Path) -> None:
    file = search / "work/deep/.env"
    file.write_text("BATCHGEN_S3_BUCKET=größe\n", encoding="latin-1")
    with pytest.raises(InvalidSetting, match="not UTF-8") as refused:
        Settings.load()
    assert refused.value.variable == str(file)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BATCHGEN_POLL_INTERVAL_S", "0"),
        ("BATCHGEN_POLL_INTERVAL_S", "soon"),
        ("BATCHGEN_LEASE_S", "-1"),
        ("BATCHGEN_OPENAI_USAGE_TIER", "9"),
        ("BATCHGEN_REDIS_PREFIX", "a b"),
        ("BATCHGEN_LOG_LEVEL", "loud"),
        ("BATCHGEN_LOG_FORMAT", "xml"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_by_its_variable(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSetting) as refused:
        Settings.load()
    assert refused.value.variable == variable


def test_a_variable_set_to_nothing_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "")
    assert Settings.load().redis_url is None


@pytest.mark.parametrize("variable", ["LOG_LEVEL", "STATE_DIR", "S3_BUCKET", "PUBLIC_URL"])
def test_variables_of_other_programs_are_not_ours(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Settings.load()
    monkeypatch.setenv(variable, "of another program")
    assert Settings.load() == before


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, secret in SECRETS.items():
        monkeypatch.setenv(variable, secret)
    settings = Settings.load()
    for shown in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert "hunter" not in shown


def test_a_secret_is_handed_to_who_requires_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", SECRETS["REDIS_URL"])
    assert Settings.load().require(what="Redis", field="redis_url") == SECRETS["REDIS_URL"]


def test_a_setting_that_is_missing_is_named_by_its_variable() -> None:
    with pytest.raises(MissingSetting, match="S3 is not configured: BATCHGEN_S3_BUCKET is not set"):
        Settings.load().require(what="S3", field="s3_bucket")


def test_local_state_lies_in_the_users_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("BATCHGEN_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert Settings.load().state_dir == tmp_path / "batchgen"
