"""The tokens of large jobs, from a sample: how far off, and where nothing is sampled."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

import pytest

from batchgen.models import Endpoint, Prompt
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.tokens import RequestCounter
from batchgen.stages.estimate import cost_of
from batchgen.stages.token_sample import EXACT_BELOW, CountedTokens, count_requests

WORDS = [
    "harbour",
    "boats",
    "안녕하세요",
    "0.73128",
    "return",
    "x",
    "**",
    "2",
    "the",
    "of",
    "and",
    "お誕生日",
    "=",
    "{",
    "}",
    "naïve",
]


def requests(folder: Path, count: int, *, seed: int = 0, longest: int = 60) -> list[Path]:
    """Two files of requests of very different lengths and densities."""
    chosen = random.Random(seed)  # noqa: S311 - texts
    paths = [folder / "1.jsonl", folder / "2.jsonl"]
    for path in paths:
        with path.open("wb") as file:
            for number in range(count // 2):
                words = chosen.choices(WORDS, k=1 + int(longest * chosen.paretovariate(3)))
                said = [{"role": "user", "content": " ".join(words)}]
                file.write(Prompt(said).line(f"job:{number}", "gpt-4o-mini", Endpoint.CHAT))
    return paths


@pytest.fixture
def counter() -> RequestCounter:
    return RequestCounter("gpt-4o-mini")


def test_a_sum_is_off_by_no_more_than_is_said(tmp_path: Path, counter: RequestCounter) -> None:
    """In 95 of 100 jobs; of these five none may be further off than twice that."""
    within = 0
    for seed in range(5):
        paths = requests(tmp_path, 4_000, seed=seed, longest=30)
        sampled, exact = count_requests(paths, counter), count_requests(paths, counter, exact=True)
        assert exact.error == 0
        assert 0 < sampled.error < 0.03 * exact.total
        off = abs(sampled.total - exact.total)
        assert off <= 2 * sampled.error
        within += off <= sampled.error
    assert within >= 4


def test_small_jobs_are_counted_exactly(tmp_path: Path, counter: RequestCounter) -> None:
    paths = requests(tmp_path, EXACT_BELOW)
    lines = [line for path in paths for line in path.read_bytes().splitlines(keepends=True)]
    found = count_requests(paths, counter)
    assert found == CountedTokens(sum(counter.count(line).estimate for line in lines), (), 0)
    assert count_requests([], counter).total == 0


def test_the_same_files_give_the_same_sample(tmp_path: Path, counter: RequestCounter) -> None:
    paths = requests(tmp_path, 4_000)
    assert count_requests(paths, counter) == count_requests(paths, counter)


def test_requests_that_may_cost_the_higher_price_are_counted_one_by_one(
    tmp_path: Path, counter: RequestCounter
) -> None:
    paths = requests(tmp_path, 3_000)
    long = [{"role": "user", "content": "a b " * 150_000}]
    with paths[0].open("ab") as file:
        file.write(Prompt(long).line("job:long", "gpt-6-sol", Endpoint.CHAT))
    found = count_requests(paths, counter)
    [tokens] = found.large
    assert 300_000 <= tokens < 300_100
    prices = ModelCatalog.load().prices("gpt-6-sol", batch=True)
    cost = cost_of(prices, found, 3_001, 0)
    assert cost == (found.small * Decimal(1) + tokens * Decimal(2)) / 1_000_000
    most = cost_of(prices, found, 3_001, 3_001 * 100, written=True)
    of_output = 300_000 * Decimal(5) + 100 * Decimal("7.5")
    assert most == (found.small * Decimal("1.25") + tokens * Decimal("2.5") + of_output) / 1_000_000
