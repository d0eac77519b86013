"""Counts the tokens of requests where it matters: for models whose enqueued-token limit is known."""

from __future__ import annotations

from collections.abc import Callable

from batchgen.models import Batch
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.tokens import counter_for


class TokenCounter:
    """Gives a batch the function that counts its requests, or None where nothing needs counting."""

    def __init__(self, catalog: ModelCatalog, usage_tier: int | None) -> None:
        """Take the account's usage tier; None: no limit is assumed."""
        self._catalog = catalog
        self._usage_tier = usage_tier

    def __call__(self, batch: Batch) -> Callable[[bytes], int] | None:
        """The function for a batch: a request line in, its tokens out."""
        if self._catalog.enqueued_limit(batch.model, self._usage_tier) is None:
            return None
        return counter_for(batch.model)
