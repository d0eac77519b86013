"""Where the tests of a job are run: its source unpacked, its environment made, a sandbox around both."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from batchgen.data_types.contract import Refused
from batchgen.data_types.test_code.answer.ladder import SoundDraft
from batchgen.data_types.test_code.code.parsing import NotPython, decode
from batchgen.data_types.test_code.running.material import REQUIREMENTS, SOURCE, import_root, unpack_material
from batchgen.data_types.test_code.running.verdict import Verified
from batchgen.data_types.test_code.running.verification import Segment, Verification
from batchgen.errors import EnvironmentFailed, SandboxBroken
from batchgen.sandbox import CacheFolder, Run, Sandbox, SandboxState, prepare_environment, probe
from batchgen.storage.uploads import file_sha256

_PLAIN_TEST = "def test_nothing():\n    assert True\n"
_PATIENCE_S = 60.0
_IMPORTS_S = 120.0


class TestBench:
    """One job's source in its environment. Threads may use it at once."""

    __test__ = False

    def __init__(self, identity: str, source: Path, environment: Path) -> None:
        """Take what `open` prepared."""
        self.identity = identity
        """Fingerprint of the material: what verdicts depend on besides the answer."""
        self._source = source
        self._environment = environment
        self._sandboxes: dict[str, Sandbox] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(cls, material: Path, cache: Path) -> TestBench | SandboxState:
        """Prepare a bench, or return why nothing can be run here.

        Raises EnvironmentFailed or Unavailable where the requirements cannot be installed.
        """
        state = probe()
        if not state.works:
            return state
        folders = CacheFolder(cache)
        identity = file_sha256(material)
        unpacked = folders.entry("material", identity[:32], lambda folder: unpack_material(material, folder))
        requirements = (unpacked / REQUIREMENTS).read_text(encoding="utf-8").splitlines()
        bench = cls(identity, unpacked / SOURCE, prepare_environment(requirements, folders))
        bench.check()
        return bench

    def check(self) -> None:
        """Run a test that cannot fail; raises EnvironmentFailed where even that does not pass."""
        report = self._sandbox_for(".").run_alone(Run(_PATIENCE_S, code=_PLAIN_TEST))
        if report.outcome != "finished" or [test.outcome for test in report.tests.values()] != ["passed"]:
            said = report.output.strip().splitlines()[-1:] or [report.outcome]
            raise EnvironmentFailed(problem=f"not even a plain test passes in it ({said[0]})")

    def failing_imports(self, modules: dict[str, str]) -> dict[str, str]:
        """Import modules, given by their paths, each as its users do; returns the errors by module."""
        failing: dict[str, str] = {}
        for root in sorted({import_root(path, module) for path, module in modules.items()}):
            names = sorted({name for path, name in modules.items() if import_root(path, name) == root})
            tests = (f"def test_{at}():\n    importlib.import_module({name!r})\n" for at, name in enumerate(names))
            code = "import importlib\n\n\n" + "\n\n".join(tests)
            report = self._sandbox_for(root).run_alone(Run(_IMPORTS_S, code=code))
            for at, name in enumerate(names):
                ran = report.tests.get(f"test_{at}")
                if ran is None or ran.outcome != "passed":
                    failing[name] = ran.failure.text.strip().splitlines()[-1] if ran and ran.failure else report.outcome
        return failing

    def verify(self, data: dict[str, Any], draft: SoundDraft, time_limit_s: float) -> Verified | Refused:
        """Run a draft of tests for a record; no run of them may take longer than the limit."""
        text = decode((self._source / data["path"]).read_bytes())
        if isinstance(text, NotPython):
            raise AssertionError(  # noqa: TRY004 - the fetcher read it
                f"{data['path']} was a module when the job was made: {text.problem}"
            )
        segment = Segment(data["path"], text, data["first"], data["last"], data.get("missing"))
        return Verification(self.sandbox(data), segment, draft, time_limit_s).verdict()

    def sandbox(self, data: dict[str, Any]) -> Sandbox:
        """The sandbox in which a record's module is imported as its users import it."""
        return self._sandbox_for(import_root(data["path"], data["module"]))

    def _sandbox_for(self, root: str) -> Sandbox:
        with self._lock:
            if root not in self._sandboxes:
                others = [name for name in (".", "src") if name != root and (self._source / name).is_dir()]
                sandbox = Sandbox.over(self._source, self._environment, import_roots=[root, *others])
                if sandbox is None:
                    raise SandboxBroken(problem=probe().detail)
                self._sandboxes[root] = sandbox
            return self._sandboxes[root]
