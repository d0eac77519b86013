"""botocore parses its descriptions of S3 anew for each client, which is half the time of many tests: here once."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader


def parse_descriptions_once(patch: pytest.MonkeyPatch) -> None:
    """Let this process parse each of botocore's files once."""
    load = JSONFileLoader.load_file

    @cache
    def parsed(file_path: str) -> Any:
        return load(JSONFileLoader(), file_path)

    patch.setattr(JSONFileLoader, "load_file", lambda _, file_path: parsed(file_path))
