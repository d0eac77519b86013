"""Events with fields: structlog over the standard library, so that Prefect sees them in a run's log too."""

from __future__ import annotations

import logging
import sys

import structlog

_SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.format_exc_info,
)

_AS_LINES = structlog.processors.LogfmtRenderer(key_order=["event"], drop_missing=True)


def configure_logging(level: str, form: str) -> None:
    """Show batchgen's events on stderr; `form` is console or json. Called by the command line, never by the library."""
    _use_structlog()
    renderer: structlog.typing.Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            renderer,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger("batchgen")
    root.handlers = [handler]
    root.setLevel(level.upper())
    root.propagate = False


def configure_run_logging(level: str) -> None:
    """Hand batchgen's events to the handlers that are there (a Prefect run's log), as `event key=value` lines."""
    _use_structlog(render=_AS_LINES)
    logging.getLogger("batchgen").setLevel(level.upper())


def configure_library_logging() -> None:
    """Where nobody configured structlog, hand events to the standard library's loggers instead of stdout."""
    if not structlog.is_configured():
        _use_structlog(render=_AS_LINES)


def _use_structlog(render: structlog.typing.Processor | None = None) -> None:
    last = render or structlog.stdlib.ProcessorFormatter.wrap_for_formatter
    shared = _SHARED if render is None else (structlog.contextvars.merge_contextvars, _SHARED[-1])
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, last],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
