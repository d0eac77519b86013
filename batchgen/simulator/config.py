"""Everything about the simulator that can be set: at the start, and while it runs by ``PUT /simulator/config``."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from batchgen.simulator.api_errors import ControlError
from batchgen.simulator.models import KNOWN_MODELS


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    batch_seconds: float = 0.0
    """How long a batch stays in_progress; its lines are answered evenly over this time. 0: as fast as possible."""

    validating_seconds: float = 0.0
    finalizing_seconds: float = 0.0
    """Also the time between cancelling and cancelled."""

    window_seconds: float = 86_400.0
    """A batch older than this expires with what it has; OpenAI's completion window is 24 hours."""

    list_lag_seconds: float = 0.0
    """A new batch appears in the list only after this time; retrieving it by id works at once."""

    shuffle: bool = True
    """Output lines in an order of their own, drawn from ``seed`` and the number of the batch."""

    seed: int = 0

    models: tuple[str, ...] = KNOWN_MODELS

    enqueued_tokens: Mapping[str, int] = field(default_factory=dict)
    """Limit per model id on the tokens (bytes of the input file / 4) of all batches that are not finished."""

    over_limit: str = "failed"
    """What a batch over the limit gets: ``failed`` (made, then failed at validation) or ``429`` (not made)."""

    max_requests: int = 50_000
    max_file_bytes: int = 209_715_200
    max_errors: int = 1_000
    """A failed validation names at most this many lines."""

    api_key: str | None = None
    """Set: only this key is accepted. Unset: every key but those below."""

    rejected_key_prefixes: tuple[str, ...] = ("sk-wrong", "sk-invalid")

    def updated(self, changes: Mapping[str, Any]) -> "SimulatorConfig":
        """A copy with ``changes``, as they come in JSON. Raises ControlError that names the wrong one."""
        kinds = {item.name: _KINDS[item.name] for item in fields(self)}
        for name, value in changes.items():
            if name not in kinds:
                raise ControlError(f"Unknown setting {name!r}; known are {', '.join(kinds)}.")
            if not isinstance(value, kinds[name]) or (isinstance(value, bool) and bool not in kinds[name]):
                raise ControlError(f"Setting {name!r} cannot be {value!r}.")
        if changes.get("over_limit", "failed") not in {"failed", "429"}:
            raise ControlError("Setting 'over_limit' is 'failed' or '429'.")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()
        }
        return replace(self, **values)

    def public(self) -> dict[str, Any]:
        """All settings for the control endpoint; the API key is not shown."""
        values = asdict(self)
        values["api_key"] = None if self.api_key is None else "set"
        return values


_NUMBER: tuple[type, ...] = (int, float)
_LIST: tuple[type, ...] = (list, tuple)
_KINDS: dict[str, tuple[type, ...]] = {
    "batch_seconds": _NUMBER,
    "validating_seconds": _NUMBER,
    "finalizing_seconds": _NUMBER,
    "window_seconds": _NUMBER,
    "list_lag_seconds": _NUMBER,
    "shuffle": (bool,),
    "seed": (int,),
    "models": _LIST,
    "enqueued_tokens": (dict,),
    "over_limit": (str,),
    "max_requests": (int,),
    "max_file_bytes": (int,),
    "max_errors": (int,),
    "api_key": (str, type(None)),
    "rejected_key_prefixes": _LIST,
}
