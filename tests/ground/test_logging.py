"""Events on stderr, in the form that was asked for, and never on stdout."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from structlog.stdlib import get_logger

from batchgen.logging import configure_logging, configure_run_logging


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Logging is global: put it back."""
    root = logging.getLogger("batchgen")
    handlers, level, propagate = root.handlers, root.level, root.propagate
    yield
    root.handlers, root.level, root.propagate = handlers, level, propagate
    structlog.reset_defaults()


def test_json_events_are_one_document_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    with structlog.contextvars.bound_contextvars(batch_id="b1"):
        get_logger("batchgen.stages").info("submitted", requests=2)
    printed = capsys.readouterr()
    event = json.loads(printed.err)
    assert (event["event"], event["batch_id"], event["requests"], event["level"]) == ("submitted", "b1", 2, "info")
    assert event["timestamp"].endswith("Z")
    assert printed.out == ""


def test_console_events_are_for_people_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "console")
    get_logger("batchgen.stages").warning("held_back", reason="full queue")
    printed = capsys.readouterr()
    assert "held_back" in printed.err
    assert "reason='full queue'" in printed.err
    assert "\x1b[" not in printed.err
    assert printed.out == ""


def test_a_failure_comes_with_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    try:
        int("x")
    except ValueError:
        get_logger("batchgen.stages").exception("broke")
    assert "ValueError" in json.loads(capsys.readouterr().err)["exception"]


@pytest.mark.parametrize(("level", "shown"), [("debug", 3), ("info", 2), ("error", 1)])
def test_events_below_the_level_are_not_shown(level: str, shown: int, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level, "json")
    log = get_logger("batchgen.stages")
    log.debug("detail")
    log.info("step")
    log.error("fault")
    assert len(capsys.readouterr().err.splitlines()) == shown


def test_asked_twice_it_shows_events_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    configure_logging("info", "json")
    get_logger("batchgen.stages").info("step")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_in_a_run_events_reach_the_runs_own_handlers(caplog: pytest.LogCaptureFixture) -> None:
    configure_run_logging("info")
    get_logger("batchgen.stages").info("submitted", requests=2, note="two words")
    assert caplog.messages == ['event=submitted requests=2 note="two words"']
