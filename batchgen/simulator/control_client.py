"""A small client for the control endpoint, for tests and scripts in Python."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

TIMEOUT_S = 60.0


class SimulatorControl:
    """Speaks to the simulator at ``base_url`` (with or without its /v1). Raises ValueError for what it refuses."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._root = f"{parts.scheme}://{parts.netloc}/simulator"
        self._opener = build_opener(ProxyHandler({}))

    def config(self, **changes: Any) -> dict[str, Any]:
        """Change settings (see ``SimulatorConfig``); the settings as they are then."""
        return self._ask("PUT", "/config", changes) if changes else self._ask("GET", "/config")

    def fault(self, operation: str, kind: str, **options: Any) -> None:
        """Set one fault, for example ``fault("batches.create", "drop_answer", times=2)``."""
        self._ask("POST", "/faults", {"operation": operation, "kind": kind, **options})

    def faults(self) -> list[dict[str, Any]]:
        """All faults that are set, each with how often it has ``fired``."""
        found: list[dict[str, Any]] = self._ask("GET", "/faults")["faults"]
        return found

    def clear_faults(self) -> None:
        self._ask("DELETE", "/faults")

    def requests(self) -> dict[str, dict[str, int]]:
        """Operation → total and number of answers by HTTP status (or ``dropped``)."""
        found: dict[str, dict[str, int]] = self._ask("GET", "/requests")["operations"]
        return found

    def billing(self) -> dict[str, Any]:
        """Requests and tokens billed, in all and per batch."""
        return self._ask("GET", "/billing")

    def billed_twice(self, *, same_request: bool = False) -> dict[str, list[str]]:
        """custom_id → ids of the batches that billed it, where more than once.

        With ``same_request`` only where the whole request line was the same.
        """
        by = "request" if same_request else "custom_id"
        found: dict[str, list[str]] = self._ask("GET", f"/billing/duplicates?by={by}")["duplicates"]
        return found

    def billed_requests(self, batch_id: str) -> Iterator[dict[str, Any]]:
        """Each request of one batch, as a stream."""
        with self._opener.open(f"{self._root}/billing/{batch_id}", timeout=TIMEOUT_S) as response:
            for line in response:
                yield json.loads(line)

    def reset(self) -> None:
        """Forget every file, batch, fault, setting, counter and bill."""
        self._ask("POST", "/reset")

    def _ask(self, method: str, path: str, value: Any = None) -> dict[str, Any]:
        data = None if value is None else json.dumps(value).encode()
        request = Request(self._root + path, data, {"content-type": "application/json"}, method=method)  # noqa: S310 - http
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as response:
                found: dict[str, Any] = json.load(response)
                return found
        except HTTPError as error:
            with error:
                message = json.load(error)["error"]["message"]
            raise ValueError(message) from error
