"""The group of all commands, and what becomes of errors: one line on stderr, or one JSON document on stdout."""

from __future__ import annotations

import sys
import traceback

import click

from batchgen.cli.advance import advance
from batchgen.cli.blocks import blocks
from batchgen.cli.costs import costs
from batchgen.cli.demo import demo
from batchgen.cli.doctor import doctor
from batchgen.cli.estimate import estimate
from batchgen.cli.generate import generate
from batchgen.cli.output import print_error
from batchgen.cli.preview import preview
from batchgen.cli.recover import recover
from batchgen.cli.review import review
from batchgen.cli.serve import serve
from batchgen.cli.simulator import simulator
from batchgen.cli.stack import down, up
from batchgen.cli.status import status
from batchgen.cli.types import types
from batchgen.errors import BatchgenError, InputError, InternalError, Interrupted, UsageError

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="batchgen")
def batchgen() -> None:
    """Generate with OpenAI models at batch price: tests, product texts, answers; checked, reviewed, stored."""


for command in (
    up,
    down,
    demo,
    generate,
    advance,
    status,
    costs,
    review,
    recover,
    estimate,
    serve,
    doctor,
    simulator,
    blocks,
    types,
    preview,
):
    batchgen.add_command(command)


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0 all succeeded, 1 not all did (yet), 2 nothing was sent."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        _check_text(given)
        code = batchgen.main(given, prog_name="batchgen", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except BrokenPipeError:
        return 1
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place where errors become exit codes
        return _told(error, as_json="--json" in given)
    return code if isinstance(code, int) else 0


def _check_text(arguments: list[str]) -> None:
    """Python keeps bytes that are not UTF-8 as lone surrogates, which nothing can be written with."""
    if any("\ud800" <= character <= "\udfff" for argument in arguments for character in argument):
        raise UsageError("An argument is not UTF-8.", "Write it as UTF-8; rename a file whose name is not.")


def _told(error: BaseException, *, as_json: bool) -> int:
    """Tell of an error; returns the exit code."""
    match error:
        case KeyboardInterrupt() | click.Abort():
            print_error(Interrupted(), as_json=as_json)
            return INTERRUPTED
        case click.ClickException():
            command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "batchgen"
            print_error(UsageError(error.format_message(), f"See {command} --help."), as_json=as_json)
            return 2
        case BatchgenError():
            print_error(error, as_json=as_json)
            return 2 if isinstance(error, InputError) else 1
        case _:  # a defect of ours: the trace on stderr, the document on stdout
            traceback.print_exception(error)
            defect = InternalError(f"{type(error).__name__}: {error}")
            print_error(defect, as_json=as_json)
            return 1
