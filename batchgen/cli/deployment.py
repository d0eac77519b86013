"""Deploys the flows from this clone and starts a worker for them, by Prefect's own commands."""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from batchgen.cli import prefect_runs
from batchgen.cli.output import say
from batchgen.errors import BatchgenError, UsageError
from batchgen.local.info import PartInfo
from batchgen.local.prefect_worker import POOL
from batchgen.local.stack import EmbeddedStack
from batchgen.settings import find_env_file

_OURS = ("OPENAI_", "REDIS_", "AWS_", "BATCHGEN_", "PREFECT_")
_SHOWN_LINES = 15


@dataclass(eq=False)
class DeploymentFailed(BatchgenError):
    """A command of Prefect's ended with an error; the end of what it said stands above."""

    code = "deployment_failed"
    template = "{command} failed with exit code {exit_code}."
    remedy_template = "Look at what it said above; batchgen doctor tells which servers are meant."
    command: str
    exit_code: int


def start_worker(stack: EmbeddedStack, *, embedded: bool) -> PartInfo:
    """Register the blocks, deploy every flow, and start a worker; what is there already is brought up to date.

    `embedded`: the Prefect server is this machine's own, so that no other machine has workers of it. Blocks that point
    elsewhere than at this machine are kept. Raises UsageError outside of a clone.
    """
    clone = find_clone()
    say("Registering the blocks.")
    prefect_runs.register_blocks(keep=True)
    say("Deploying the flows.")
    prefect_runs.ensure_pool(POOL, python=shlex.quote(sys.executable) if embedded else None)
    _prefect(clone, "--no-prompt", "deploy", "--all")
    return stack.up_worker(_environment(), say)


def find_clone() -> Path:
    """The folder with prefect.yaml and the flows; raises UsageError where only the packages are installed."""
    spec = importlib.util.find_spec("flows")
    folder = Path(spec.origin).parent.parent if spec is not None and spec.origin else Path.cwd()
    if not (folder / "prefect.yaml").is_file():
        raise UsageError(f"There is no prefect.yaml in {folder}.", "Run batchgen from a clone that make install made.")
    return folder


def _environment() -> dict[str, str]:
    """What the runs need to know; the same from call to call, so that a worker need not be started anew."""
    environment = {name: value for name, value in os.environ.items() if name.startswith(_OURS)}
    file = find_env_file()
    return environment | ({"BATCHGEN_ENV_FILE": str(file.resolve())} if file is not None else {})


def _prefect(clone: Path, *arguments: str) -> None:
    done = _run(clone, *arguments)
    if done.returncode:
        say("\n".join(done.stdout.splitlines()[-_SHOWN_LINES:]))
        raise DeploymentFailed(f"prefect {' '.join(arguments)}", done.returncode)


def _run(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prefect", *arguments],
        cwd=clone,
        env={**os.environ, "PWD": str(clone), "PREFECT_CLI_COLORS": "false"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
