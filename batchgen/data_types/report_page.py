"""What all pages for reviewers share: how they are rendered, and how they look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from batchgen.money import dollars

_BUFFERED = 64


def render_page(
    template: str, path: Path, *, filters: Mapping[str, Callable[..., Any]] | None = None, **values: Any
) -> None:
    """Write a page: a Jinja2 template in which every value is escaped; `style` is the style sheet of all pages."""
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - most commands write no report

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"dollars": dollars, **(filters or {})}
    style = resources.files("batchgen.data_types").joinpath("report_page.css").read_text(encoding="utf-8")
    page = environment.from_string(template).stream(style=style, **values)
    page.enable_buffering(_BUFFERED)
    with path.open("wb") as file:
        page.dump(file, encoding="utf-8", errors="replace")
