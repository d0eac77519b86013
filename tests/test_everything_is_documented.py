"""Every command, option, setting and data type is documented."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from batchgen.cli.entry import batchgen
from batchgen.data_types import DATA_TYPES
from batchgen.settings import Settings

DOCS = Path(__file__).parent.parent / "docs"
README = (DOCS.parent / "README.md").read_text(encoding="utf-8")


def options() -> Iterator[tuple[str, str]]:
    for name, command in batchgen.commands.items():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                yield from ((name, option) for option in parameter.opts + parameter.secondary_opts)


@pytest.mark.parametrize("name", sorted(batchgen.commands))
def test_every_command_has_its_section(name: str) -> None:
    assert f"batchgen {name}" in (DOCS / "command-line.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("command", "option"), sorted(set(options())))
def test_every_option_is_documented(command: str, option: str) -> None:
    assert f"{option}" in (DOCS / "command-line.md").read_text(encoding="utf-8"), command


@pytest.mark.parametrize("field", sorted(Settings.model_fields))
def test_every_setting_is_documented(field: str) -> None:
    assert f"`{Settings.model_fields[field].alias}`" in (DOCS / "configuration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(DATA_TYPES))
def test_every_data_type_is_in_the_readme(name: str) -> None:
    assert f"| `{name}` |" in README


def test_every_link_of_the_readme_and_the_docs_leads_somewhere() -> None:
    for page in [DOCS.parent / "README.md", *DOCS.glob("*.md")]:
        for link in page.read_text(encoding="utf-8").split("](")[1:]:
            target = link.split(")")[0].split("#")[0]
            if target and not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
