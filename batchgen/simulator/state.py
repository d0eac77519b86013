"""All that one simulator holds: its data directory, settings, faults and script."""

import threading
from collections import Counter
from pathlib import Path
from typing import Any

from batchgen.simulator.answers import AnswerScript
from batchgen.simulator.batch_records import BatchStore
from batchgen.simulator.billing import Billing
from batchgen.simulator.config import SimulatorConfig
from batchgen.simulator.default_answers import default_script
from batchgen.simulator.faults import FaultPlan
from batchgen.simulator.files import FileStore


class SimulatorState:
    """Files, batches and ledgers survive a restart on the same directory; settings, faults and counters do not."""

    def __init__(self, data_dir: Path, config: SimulatorConfig, script: AnswerScript | None = None) -> None:
        self.config = config
        self.first_config = config
        self.script = script or default_script
        self.counts_attempts = self.script is not default_script
        self.files = FileStore(data_dir / "files")
        self.batches = BatchStore(data_dir / "batches")
        self.billing = Billing(data_dir / "billing")
        self.faults = FaultPlan()
        self.traffic = Traffic()

    def clear(self) -> None:
        self.files.clear()
        self.batches.clear()
        self.billing.clear()
        self.faults.clear()
        self.traffic.clear()
        self.config = self.first_config


class Traffic:
    """How often each operation was asked, and with what it was answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[str, Counter[str]] = {}

    def count(self, operation: str, answer: str) -> None:
        """``answer`` is the HTTP status, or ``dropped``."""
        with self._lock:
            self._answers.setdefault(operation, Counter())[answer] += 1

    def clear(self) -> None:
        with self._lock:
            self._answers.clear()

    def public(self) -> dict[str, Any]:
        with self._lock:
            return {name: {"total": sum(found.values()), **found} for name, found in sorted(self._answers.items())}
