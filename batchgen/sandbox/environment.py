"""The Python environment of the code under test: a venv with pytest, coverage and what the code needs, made once.

It is made outside the sandbox, by pip with the configuration of this machine; the sandbox only reads it.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from structlog.stdlib import get_logger

from batchgen.errors import EnvironmentFailed, Unavailable
from batchgen.sandbox.cache_folder import CacheFolder

log = get_logger(__name__)

TOOLS = ("pytest>=8,<10", "coverage>=7.6,<8")
"""What the runner needs; the code under test may ask for narrower versions."""
_MAKE_S = 1_200
_OUTAGE = re.compile(r"Retrying \(|NewConnectionError|name resolution|timed out|Network is unreachable")
_SHOWN = 300


def prepare_environment(requirements: Iterable[str], cache: CacheFolder) -> Path:
    """Return the folder of an environment with these requirements (PEP 508), making it where there is none yet.

    Raises EnvironmentFailed for requirements that cannot be met, Unavailable where the package index is away.
    """
    wanted = sorted({*requirements})
    key = hashlib.sha256("\n".join([sys.version, sys.base_prefix, *TOOLS, *wanted]).encode()).hexdigest()[:32]
    return cache.entry("environments", key, lambda folder: _make(folder, wanted))


def _make(folder: Path, requirements: list[str]) -> None:
    log.info("environment_is_made", requirements=requirements)
    _call([sys.executable, "-I", "-m", "venv", "--clear", str(folder)])
    python = folder / "bin" / "python"
    listed = folder / "requirements.txt"
    listed.write_text("\n".join([*TOOLS, *requirements]) + "\n", encoding="utf-8")
    _call([str(python), "-I", "-m", "pip", "install", "--no-input", "--prefer-binary", "--quiet", "-r", str(listed)])


def _call(command: list[str]) -> None:
    """Run a Python, isolated (-I): a `venv.py` in the working directory is none of ours."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_MAKE_S,
            check=False,
            umask=0o022,  # the sandbox's user has to read it
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(service="The package index", problem=f"no end after {_MAKE_S} s") from error
    if done.returncode == 0:
        return
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")] or lines[-1:]
    problem = " ".join(errors[-2:])[:_SHOWN].rstrip(".") or f"{command[0]} ended with {done.returncode}"
    if _OUTAGE.search(done.stderr):
        raise Unavailable(service="The package index", problem=problem)
    raise EnvironmentFailed(problem=problem)
