"""What a client parses anew each time it is made is half the time of many tests: here it is parsed once a process."""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader


def make_clients_quick(patch: pytest.MonkeyPatch) -> None:
    """Let this process read botocore's descriptions of S3, and the certificates for OpenAI, once."""
    load, make_context = JSONFileLoader.load_file, ssl.create_default_context

    @cache
    def parsed(file_path: str) -> Any:
        return load(JSONFileLoader(), file_path)

    @cache
    def context(*arguments: Any, **named: Any) -> ssl.SSLContext:
        return make_context(*arguments, **named)

    patch.setattr(JSONFileLoader, "load_file", lambda _, file_path: parsed(file_path))
    patch.setattr(ssl, "create_default_context", context)
