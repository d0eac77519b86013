"""docs/simulator.md names everything there is."""

import argparse
from dataclasses import fields
from pathlib import Path

import pytest

from batchgen.simulator import Answer, SimulatorConfig, SimulatorControl
from batchgen.simulator.__main__ import build_parser
from batchgen.simulator.faults import HTTP_OPERATIONS, KINDS, MATCHES
from batchgen.simulator.validation import MESSAGES

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()
OPTIONS = {name for kind, found in KINDS.items() if kind != "answer" for name in found.options}
COMMAND_LINE = {action.option_strings[-1] for action in build_parser()._actions if action.dest != argparse.SUPPRESS}
NAMED = {
    "setting": {item.name for item in fields(SimulatorConfig)},
    "answer": {item.name for item in fields(Answer)},
    "operation": {*HTTP_OPERATIONS, "batches.run", "requests"},
    "kind": set(KINDS),
    "option": OPTIONS,
    "match": set(MATCHES),
    "validation": set(MESSAGES),
    "command line": COMMAND_LINE - {"--help"},
}


@pytest.mark.parametrize("subject", NAMED)
def test_everything_is_named(subject: str) -> None:
    assert not {name for name in NAMED[subject] if f"`{name}`" not in PAGE}


def test_every_method_of_the_control_is_named() -> None:
    methods = {name for name in vars(SimulatorControl) if not name.startswith("_")}
    assert not {name for name in methods if f"`{name}(" not in PAGE}
