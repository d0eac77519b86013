"""Every test runs without the developer's environment: no keys, no addresses, no .env."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from quick_clients import make_clients_quick

pytest_plugins = ["local_services", "pipeline", "command_line", "spread"]

_FOREIGN = ("OPENAI_", "REDIS_", "AWS_", "BATCHGEN_", "PREFECT_")


@pytest.fixture(scope="session", autouse=True)
def clients_are_quick() -> Iterator[None]:
    """Hundreds of tests make clients."""
    with pytest.MonkeyPatch.context() as patch:
        make_clients_quick(patch)
        yield


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove what the machine has configured; local state goes to the test's folder."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BATCHGEN_ENV_FILE", "")
    monkeypatch.setenv("BATCHGEN_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
