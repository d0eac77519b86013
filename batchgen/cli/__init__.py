"""The command line: `batchgen`. Exit codes and JSON shapes stand in docs/command-line.md."""

from batchgen.cli.entry import main

__all__ = ["main"]
