"""The most that a batch file can cost: what is reserved before it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from batchgen.openai_client.prices import PriceList
from batchgen.stages.meter import Meter

_TEXT_PARTS = frozenset({"text", "input_text", "output_text", "refusal"})


class NoBound(Exception):
    """A request has no most that it can cost."""

    def __init__(self, problem: str, *, for_want_of_a_limit: bool) -> None:
        """Say what is wrong with which request, and whether a limit on its output would mend it."""
        super().__init__(problem, for_want_of_a_limit)
        self.problem = problem
        self.for_want_of_a_limit = for_want_of_a_limit


def most_cost(requests: Path, count_tokens: Callable[[bytes], int], prices: PriceList) -> Decimal:
    """US dollars at batch price for all input, put into the cache, and all the output allowed; raises NoBound."""
    meter = Meter(prices)
    for line in lines(requests):
        request = orjson.loads(line)
        tokens = count_tokens(line)
        meter.add(tokens, output=_most_output(request), written=tokens)
    return meter.cost


def lines(requests: Path) -> Iterator[bytes]:
    """The lines of a batch file."""
    with requests.open("rb", buffering=1 << 18) as file:
        yield from file


def output_limit(body: dict[str, Any]) -> int | None:
    """The most tokens that an answer may have, reasoning included, or None."""
    limit = body.get("max_completion_tokens", body.get("max_output_tokens"))
    return limit if isinstance(limit, int) else None


def _most_output(request: dict[str, Any]) -> int:
    limit = output_limit(request["body"])
    if limit is None:
        raise NoBound("its requests set no most output tokens", for_want_of_a_limit=True)
    for message in request["body"].get("messages") or request["body"].get("input") or ():
        if not _is_text(message.get("content")):
            problem = f"request {request['custom_id']} holds more than text, whose tokens cannot be counted here"
            raise NoBound(problem, for_want_of_a_limit=False)
    return limit


def _is_text(content: Any) -> bool:
    if isinstance(content, list):
        return all(isinstance(part, dict) and part.get("type") in _TEXT_PARTS for part in content)
    return content is None or isinstance(content, str)
