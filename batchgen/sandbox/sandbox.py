"""Whether a sandbox works on this machine, and sandboxes over one source in one environment. Fails closed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from batchgen.sandbox.bubblewrap import command, find_bubblewrap
from batchgen.sandbox.limits import DEFAULT_LIMITS, Limits
from batchgen.sandbox.session import Run, RunReport, Session

_PROBE_S = 30
_PROBE = """
import os, socket
status = dict(line.split(':\\t') for line in open('/proc/self/status').read().splitlines() if ':\\t' in line)
assert os.getuid() not in (0, %d), 'it runs as the same user'
assert int(status['CapEff'], 16) == int(status['CapBnd'], 16) == 0, 'it has capabilities'
assert set(os.environ) <= {'PATH', 'PWD', 'LC_CTYPE'}, 'it sees the environment'
assert [name for _, name in socket.if_nameindex()] in ([], ['lo']), 'it sees the network'
assert len([name for name in os.listdir('/proc') if name.isdigit()]) <= 4, 'it sees other processes'
for folder in ('/', '/usr', '/dev'):
    try:
        open(folder + '/batchgen-probe', 'w')
    except OSError:
        continue
    raise AssertionError('it can write to ' + folder)
open('/tmp/probe', 'w').close()
print('it works')
"""


@dataclass(frozen=True, slots=True)
class SandboxState:
    """Whether generated code can be run here; if not, why, and what to do."""

    works: bool
    detail: str
    remedy: str = ""

    @property
    def problem(self) -> str:
        """What is wrong and what to do, on a line."""
        return f"{self.detail}. {self.remedy}" if self.remedy else self.detail


def probe() -> SandboxState:
    """Start a sandbox and have it look around."""
    if sys.platform != "linux":
        return SandboxState(works=False, detail="The sandbox needs Linux", remedy="Run this stage on a Linux machine.")
    bubblewrap = find_bubblewrap()
    if bubblewrap is None:
        remedy = "Install it: apt-get install bubblewrap."
        return SandboxState(works=False, detail="bubblewrap (the command bwrap) is not installed", remedy=remedy)
    python = [os.path.realpath(sys.executable), "-S", "-E", "-c", _PROBE % os.getuid()]
    try:
        done = subprocess.run(
            command(bubblewrap, python, {}, DEFAULT_LIMITS, {"PATH": "/usr/bin:/bin"}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROBE_S,
            check=False,
            env={},
            cwd="/",
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return SandboxState(works=False, detail=f"bubblewrap does not run: {error}", remedy=_REMEDY)
    if done.returncode == 0 and done.stdout == "it works\n":
        return SandboxState(works=True, detail=f"{bubblewrap} works")
    said = (done.stderr.strip().splitlines() or ["it ended at once"])[-1].removeprefix("AssertionError: ")
    return SandboxState(works=False, detail=f"bubblewrap does not isolate here: {said.rstrip('.')}", remedy=_REMEDY)


_REMEDY = (
    "It needs unprivileged user namespaces: see sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces and "
    "kernel.apparmor_restrict_unprivileged_userns; in a container, allow them in its seccomp profile."
)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A source and an environment, for as many sessions at once as there are cores."""

    bubblewrap: str
    source: Path
    environment: Path
    import_roots: tuple[str, ...] = (".",)
    """Folders below the source that are put on Python's path, the first one first."""
    forget: tuple[str, ...] = ()
    limits: Limits = DEFAULT_LIMITS

    @classmethod
    def over(
        cls, source: Path, environment: Path, *, import_roots: Sequence[str] = (".",), limits: Limits = DEFAULT_LIMITS
    ) -> Sandbox | None:
        """Return a sandbox over a source, or None where `probe` says that none works."""
        bubblewrap = find_bubblewrap()
        if bubblewrap is None or not probe().works:
            return None
        return cls(bubblewrap, source, environment, tuple(import_roots), tuple(_modules(source, import_roots)), limits)

    def session(self, *, hash_seed: int = 0) -> Session:
        """A sandbox to be opened with `with`; `hash_seed` (0 to 4294967295) orders sets and the like."""
        return Session(
            self.bubblewrap,
            environment=self.environment,
            source=self.source,
            import_roots=self.import_roots,
            forget=self.forget,
            hash_seed=hash_seed,
            limits=self.limits,
        )

    def run_alone(self, wanted: Run) -> RunReport:
        """Carry out one run in a sandbox of its own."""
        with self.session() as session:
            return session.run(wanted)


def _modules(source: Path, import_roots: Sequence[str]) -> list[str]:
    """The top-level modules that the source brings."""
    found = {
        entry.name.partition(".")[0]
        for root in import_roots
        for entry in (source / root).iterdir()
        if entry.is_dir() or entry.suffix in {".py", ".so"}
    }
    return sorted(name for name in found if name.isidentifier())
