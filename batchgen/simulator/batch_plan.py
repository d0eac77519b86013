"""How a batch is to misbehave: the faults drawn when it was made, as questions that its run asks."""

from typing import Any

DEFAULT_FRACTION = 0.5
DEFAULT_SLOW_SECONDS = 60.0
Planned = dict[str, Any]


class BatchPlan:
    """``faults`` are the options of each fault with its ``kind``."""

    def __init__(self, faults: list[Planned]) -> None:
        self._faults = {fault["kind"]: fault for fault in faults}

    def has(self, kind: str) -> bool:
        return kind in self._faults

    def count(self, kind: str) -> int:
        """How many lines are to be missing, duplicated or unknown."""
        return int(self._faults[kind].get("count", 1)) if kind in self._faults else 0

    def failure(self) -> list[Planned]:
        """The errors of a planned validation failure."""
        fault = self._faults.get("fail")
        if fault is None:
            return []
        code = fault.get("code", "invalid_request")
        message = fault.get("message", f"The simulator was told to fail this batch with {code}.")
        return [{"code": code, "message": message, "line": fault.get("line"), "param": fault.get("param")}]

    def hangs_at(self, status: str) -> bool:
        return self.has("hang") and self._faults["hang"].get("status", "in_progress") == status

    def reached(self, kind: str, done: int, total: int) -> bool:
        """Whether ``expire`` or ``cancel`` is due."""
        return self.has(kind) and done >= self._stop(kind, total)

    def halt(self, total: int) -> int:
        """The number of lines behind which a fault stops the batch."""
        kinds = ("expire", "cancel", "hang") if self.hangs_at("in_progress") else ("expire", "cancel")
        return min([total, *(self._stop(kind, total) for kind in kinds if self.has(kind))])

    def seconds(self, usual: float) -> float:
        """How long it stays in progress."""
        return float(self._faults["slow"].get("seconds", DEFAULT_SLOW_SECONDS)) if self.has("slow") else usual

    def reported(self, counts: dict[str, int]) -> dict[str, int]:
        """The ``request_counts`` that the API shows."""
        wrong = self._faults.get("wrong_counts", {})
        return {name: wrong.get(name, value) for name, value in counts.items()}

    def _stop(self, kind: str, total: int) -> int:
        return int(total * self._faults[kind].get("fraction", DEFAULT_FRACTION))
