"""What Redis answers, as the client raises it, and what becomes of it."""

from __future__ import annotations

import pytest
from redis import exceptions
from redis._parsers.base import BaseParser

from batchgen.errors import AccessDenied, Unavailable
from batchgen.storage.redis_errors import redis_errors

LATER = [
    "LOADING Redis is loading the dataset in memory",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "MISCONF Errors writing to the AOF file: No space left on device",
    "MASTERDOWN Link with MASTER is down",
    "READONLY You can't write against a read only replica.",
    "BUSY Redis is busy running a script.",
    "CLUSTERDOWN The cluster is down",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "ERR max number of clients reached",
]
DENIED = [
    "NOAUTH Authentication required.",
    "WRONGPASS invalid username-password pair or user is disabled.",
    "NOPERM User reader has no permissions to run the 'set' command",
    "ERR invalid password",
]


def answer(line: str) -> None:
    """As the client does on an error answer."""
    with redis_errors():
        raise BaseParser.parse_error(line)  # type: ignore[no-untyped-call]  # the client leaves it untyped


@pytest.mark.parametrize("line", LATER)
def test_what_passes_is_waited_for(line: str) -> None:
    with pytest.raises(Unavailable) as raised:
        answer(line)
    assert raised.value.service == "Redis"


@pytest.mark.parametrize("line", DENIED)
def test_what_needs_other_credentials_is_denied(line: str) -> None:
    with pytest.raises(AccessDenied) as raised:
        answer(line)
    assert raised.value.variable == "REDIS_URL"


def test_a_defect_of_ours_is_shown_as_it_came() -> None:
    with pytest.raises(exceptions.ResponseError, match="unknown command"):
        answer("ERR unknown command 'ZRNGE'")
