"""What the client manager costs a call: through it and through the bare SDK, in turn, on the same simulator.

`python -m benchmarks.manager_overhead [--calls N]`: `make bench-manager`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import mean, median

from openai import OpenAI

from batchgen.models import Endpoint, Usage
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.manager import OpenAIClientManager
from batchgen.openai_client.sync_calls import SyncCalls
from batchgen.simulator import SimulatorServer

CALLS = 1_000
MODEL = "gpt-4o-mini"
_BODY = {"model": MODEL, "messages": [{"role": "user", "content": "Summarise: the harbour was full of boats."}]}
_WARM_UP = 50
_ALONE = 20_000


def main() -> None:
    """Measure and print."""
    calls = _arguments()
    with SimulatorServer() as server:
        manager = OpenAIClientManager.shared(api_key="sk-bench", base_url=server.base_url, catalog=ModelCatalog.load())
        with OpenAI(api_key="sk-bench", base_url=server.base_url, max_retries=0) as bare:
            of_manager, of_bare = _interleaved(
                calls,
                lambda: manager.get_sync_client().post("/chat/completions", body=_BODY, cast_to=dict[str, object]),
                lambda: bare.post("/chat/completions", body=_BODY, cast_to=dict[str, object]),
            )
            whole = SyncCalls(manager)
            of_ask, of_bare_again = _interleaved(
                calls,
                lambda: whole.ask(_BODY, Endpoint.CHAT, service="prompt"),
                lambda: bare.post("/chat/completions", body=_BODY, cast_to=dict[str, object]),
            )
        _show("client from the manager", of_manager, of_bare)
        _show("SyncCalls.ask: errors told apart, usage priced and tracked", of_ask, of_bare_again)
        usage = Usage(input_tokens=1_000, output_tokens=100)
        _show_alone("get_sync_client", manager.get_sync_client)
        _show_alone("get_model_config", lambda: manager.get_model_config(MODEL))
        _show_alone("validate_model_for_service", lambda: manager.validate_model_for_service(MODEL, "prompt"))
        _show_alone("track_usage", lambda: manager.track_usage(service="prompt", model=MODEL, usage=usage, key="k"))
        manager.close()


def _interleaved(
    calls: int, through: Callable[[], object], bare: Callable[[], object]
) -> tuple[list[float], list[float]]:
    """Seconds of each call, taken in turn so that the machine's moods fall on both."""
    for _ in range(_WARM_UP):
        through()
        bare()
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(calls):
        pair = ((through, taken[0]), (bare, taken[1]))
        for call, times in pair if number % 2 else reversed(pair):
            began = time.perf_counter()
            call()
            times.append(time.perf_counter() - began)
    return taken


def _show(what: str, through: list[float], bare: list[float]) -> None:
    differences = [one - other for one, other in zip(through, bare, strict=True)]
    print(
        f"{what}: {len(through):,} calls, median {median(through) * 1e3:.3f} ms, bare {median(bare) * 1e3:.3f} ms; "
        f"overhead a call: median {median(differences) * 1e3:+.3f} ms, mean {mean(differences) * 1e3:+.3f} ms"
    )


def _show_alone(what: str, call: Callable[[], object]) -> None:
    began = time.perf_counter()
    for _ in range(_ALONE):
        call()
    print(f"{what} alone: {(time.perf_counter() - began) / _ALONE * 1e6:.1f} µs")


def _arguments() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.manager_overhead", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS, metavar="N", help="calls through each")
    calls: int = parser.parse_args().calls
    return calls


if __name__ == "__main__":
    main()
