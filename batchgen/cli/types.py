"""`batchgen types`: the data types there are, and a new one declared in a file instead of written in Python."""

from __future__ import annotations

import re
from importlib import resources

import click

from batchgen.cli.connections import load_settings
from batchgen.cli.output import json_option, print_json, say
from batchgen.data_types import DATA_TYPES
from batchgen.data_types.declared import declared_type
from batchgen.data_types.declared.declaration import ENDING, NAME, declarations, find_declaration
from batchgen.errors import UsageError


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def types(context: click.Context, *, as_json: bool) -> int | None:
    """List the data types: those of batchgen, and those that YAML files declare."""
    if context.invoked_subcommand is not None:
        return None
    folder = load_settings().types_dir
    found = [(each, "batchgen") for each in DATA_TYPES.values()]
    found += [(declared_type(each), str(folder / f"{each.name}{ENDING}")) for each in declarations(folder)]
    if as_json:
        print_json(
            {
                "types": [
                    {"name": each.name, "summary": each.summary, "source": each.source_help, "declared_in": place}
                    for each, place in found
                ],
                "folder": str(folder),
            }
        )
        return 0
    for each, place in found:
        click.echo(f"{each.name:16} {each.summary}" + ("" if place == "batchgen" else f" ({place})"))
    return 0


@types.command()
@click.argument("name")
@json_option
def new(*, name: str, as_json: bool) -> int:
    """Write a declaration that works, to be changed, into the folder of declared types."""
    if not re.fullmatch(NAME.removesuffix("$"), name):
        raise UsageError(f"{name!r} cannot be a name.", "Use a small letter, then small letters, digits and _.")
    if name in DATA_TYPES:
        raise UsageError(f"{name} is a data type of batchgen.", "Choose another name.")
    folder = load_settings().types_dir
    path = folder / f"{name}{ENDING}"
    text = resources.files("batchgen.data_types.declared").joinpath("starter.yaml").read_text(encoding="utf-8")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text.replace("name: NAME", f"name: {name}", 1))
    except FileExistsError:
        raise UsageError(f"{path} exists already.", "Change it, or choose another name.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.", "Set BATCHGEN_TYPES_DIR.") from error
    find_declaration(name, folder)
    if as_json:
        print_json({"name": name, "path": str(path)})
    else:
        say(f"Wrote {path}. Change it, then: batchgen preview {name} --source FILE")
    return 0
