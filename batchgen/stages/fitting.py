"""How much of a batch file the model's queue can hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Fitted:
    """The beginning of a batch file that a queue can hold; all of it where that is so."""

    requests: int
    bytes: int
    sha256: str
    tokens: int


class TooLarge(Exception):
    """The first request alone is over the limit."""

    def __init__(self, tokens: int, limit: int) -> None:
        """Take both in tokens."""
        super().__init__(tokens, limit)
        self.message = f"the request has {tokens:,} tokens, and no more than {limit:,} may be enqueued"


def fit(path: Path, limit: int, count_tokens: Callable[[bytes], int]) -> Fitted:
    """Count the requests of a file up to the limit, in tokens; raises TooLarge."""
    requests = size = tokens = 0
    digest = hashlib.sha256()
    with path.open("rb", buffering=1 << 18) as file:
        for line in file:
            more = count_tokens(line)
            if tokens + more > limit:
                if not requests:
                    raise TooLarge(more, limit)
                break
            digest.update(line)
            requests, size, tokens = requests + 1, size + len(line), tokens + more
    return Fitted(requests, size, digest.hexdigest(), tokens)
