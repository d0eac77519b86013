"""Every model of the catalogue against what its sources say: prices, context, longest answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices.data import providers

from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.model_config import ModelCapability, ModelConfig, ModelTier
from batchgen.openai_client.prices import configured_prices, known_prices

PAGE = "https://developers.openai.com/api/docs/models/"
NOW = datetime(2026, 11, 27, tzinfo=UTC)


@dataclass(frozen=True)
class Fact:
    """What the source says of a model."""

    model: str
    input_price: str
    output_price: str
    context_window: int
    max_tokens: int
    prices_from: str = "genai-prices"


FACTS = (
    Fact("gpt-4o-mini", "0.15", "0.60", 128_000, 16_384),
    Fact("gpt-4o", "2.50", "10", 128_000, 16_384),
    Fact("gpt-4-turbo", "10", "30", 128_000, 4_096),
    Fact("gpt-4", "30", "60", 8_192, 8_192),
    Fact("gpt-3.5-turbo", "0.50", "1.50", 16_385, 4_096),
    Fact("gpt-4.1", "2", "8", 1_047_576, 32_768),
    Fact("gpt-4.1-mini", "0.40", "1.60", 1_047_576, 32_768),
    Fact("gpt-4.1-nano", "0.10", "0.40", 1_047_576, 32_768),
    Fact("o1-preview", "15", "60", 128_000, 32_768),
    Fact("o1-mini", "1.10", "4.40", 128_000, 65_536),
    Fact("o1", "15", "60", 200_000, 100_000),
    Fact("o1-pro", "150", "600", 200_000, 100_000),
    Fact("o3-mini", "1.10", "4.40", 200_000, 100_000),
    Fact("o3", "2", "8", 200_000, 100_000),
    Fact("o3-pro", "20", "80", 200_000, 100_000),
    Fact("o4-mini", "1.10", "4.40", 200_000, 100_000),
    Fact("gpt-5", "1.25", "10", 400_000, 128_000),
    Fact("gpt-5-mini", "0.25", "2", 400_000, 128_000),
    Fact("gpt-5-nano", "0.05", "0.40", 400_000, 128_000),
    Fact("gpt-5-pro", "15", "120", 400_000, 272_000),
    Fact("gpt-5.1", "1.25", "10", 400_000, 128_000),
    Fact("gpt-5.2", "1.75", "14", 400_000, 128_000),
    Fact("gpt-5.2-pro", "21", "168", 400_000, 128_000),
    Fact("gpt-5.4", "2.50", "15", 1_050_000, 128_000),
    Fact("gpt-5.4-mini", "0.75", "4.50", 400_000, 128_000),
    Fact("gpt-5.4-nano", "0.20", "1.25", 400_000, 128_000),
    Fact("gpt-5.4-pro", "30", "180", 1_050_000, 128_000),
    Fact("gpt-5.5", "5", "30", 1_050_000, 128_000),
    Fact("gpt-5.5-pro", "30", "180", 1_050_000, 128_000),
    Fact("gpt-5.6-sol", "4", "20", 1_050_000, 128_000),
    Fact("gpt-5.6-terra", "2", "12", 1_050_000, 128_000),
    Fact("gpt-5.6-luna", "0.20", "1.20", 1_050_000, 128_000),
    Fact("gpt-6-astra", "10", "50", 1_050_000, 128_000),
    Fact("gpt-6-sol", "2", "10", 1_050_000, 128_000),
    Fact("gpt-6-luna", "0.10", "0.50", 1_050_000, 128_000),
    Fact("gpt-6.1-sol", "2", "10", 1_050_000, 128_000),
    Fact("gpt-6.1-terra", "1", "5", 1_050_000, 128_000),
    Fact("text-embedding-3-small", "0.02", "0", 8_192, 0),
    Fact("text-embedding-3-large", "0.13", "0", 8_192, 0),
    Fact("text-embedding-ada-002", "0.10", "0", 8_192, 0),
)
"""Prices as genai-prices 0.2.3 has them, from OpenAI's price table; the rest from OpenAI's page of each model."""

PRICE_DIFFERENCES: dict[str, str] = {}
"""Model → why the catalogue's price is not that of genai-prices."""
CONTEXT_DIFFERENCES = {
    "gpt-4.1": "genai-prices rounds it to 1,000,000",
    "gpt-4.1-mini": "genai-prices rounds it to 1,000,000",
    "gpt-4.1-nano": "genai-prices rounds it to 1,000,000",
    "gpt-5.5": "genai-prices rounds it to 1,000,000",
    "gpt-5.5-pro": "genai-prices rounds it to 1,000,000",
}


@pytest.fixture(scope="module")
def catalog() -> ModelCatalog:
    return ModelCatalog.load()


def test_every_model_has_a_row_here(catalog: ModelCatalog) -> None:
    assert sorted(catalog.ids) == sorted(fact.model for fact in FACTS)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.model)
def test_a_model_is_what_its_source_says(catalog: ModelCatalog, fact: Fact) -> None:
    found = catalog.get(fact.model)
    assert found.source == PAGE + fact.model
    assert found.input_price_per_1m == Decimal(fact.input_price)
    assert found.output_price_per_1m == Decimal(fact.output_price)
    assert (found.context_window, found.max_tokens) == (fact.context_window, fact.max_tokens)
    assert found.description
    assert found.released is not None
    assert found.retired is None or found.released < found.retired


@pytest.mark.parametrize("batch", [False, True])
def test_prices_are_those_of_genai_prices_save_where_a_reason_is_given(catalog: ModelCatalog, *, batch: bool) -> None:
    differing = {}
    for model in catalog.ids:
        known, own = known_prices(model, batch=batch, at=NOW), configured_prices(catalog.facts(model), batch=batch)
        if known is None:
            differing[model] = "genai-prices does not know it"
        elif known.base != own.base:
            differing[model] = f"genai-prices {known.base}, catalogue {own.base}"
    unlisted = {model: what for model, what in differing.items() if model not in PRICE_DIFFERENCES}
    assert not unlisted
    assert batch or set(PRICE_DIFFERENCES) <= set(differing)


def test_contexts_are_those_of_genai_prices_save_where_a_reason_is_given(catalog: ModelCatalog) -> None:
    [openai] = [provider for provider in providers if provider.id == "openai"]
    known = {info.id: info.context_window for info in openai.models}
    differing = {model for model in catalog.ids if known.get(model) not in {None, catalog.facts(model).context_window}}
    assert differing == set(CONTEXT_DIFFERENCES)


def test_the_tiers_are_where_their_prices_put_them(catalog: ModelCatalog) -> None:
    assert {each.model_id: each.tier for each in catalog} == {each.model_id: _tier(each) for each in catalog}


def _tier(config: ModelConfig) -> ModelTier:
    """What the words under each tier say, for the catalogue."""
    if config.input_price_per_1m > 10 or config.output_price_per_1m >= 40:
        return ModelTier.PREMIUM
    if config.input_price_per_1m > 3:
        return ModelTier.ADVANCED
    return ModelTier.STANDARD if config.input_price_per_1m > 1 else ModelTier.MINI


def test_what_cannot_be_asked_for_chat_completions_is_not_a_chat_model(catalog: ModelCatalog) -> None:
    no_chat = {each.model_id for each in catalog if not each.can(ModelCapability.CHAT)}
    pro = {each.model_id for each in catalog if each.model_id.endswith("-pro")}
    embedding = {each.model_id for each in catalog if each.can(ModelCapability.EMBEDDING)}
    assert no_chat == pro | embedding


def test_chat_completions_takes_tools_of_these_models_without_thoughts_alone(catalog: ModelCatalog) -> None:
    """OpenAI's answer since GPT-5.4: "To use function tools, use /v1/responses or set reasoning_effort to 'none'."."""
    thinking = {"gpt-6-astra", "gpt-6.1-sol"}  # which refuse that value (their model pages)
    since = {each.model_id for each in catalog if each.model_id.startswith(("gpt-5.4", "gpt-5.5", "gpt-5.6", "gpt-6"))}
    chat = {each for each in since if catalog.facts(each).can(ModelCapability.CHAT)}
    told = {each.model_id: each.tools_reasoning_effort for each in catalog if each.tools_reasoning_effort is not None}
    assert told == dict.fromkeys(chat - thinking, "none")


@pytest.mark.parametrize(
    ("input_tokens", "max_output_tokens", "fits"),
    [(100_000, None, True), (111_616, None, True), (111_617, None, False), (127_000, 1_000, True), (1, 16_385, False)],
)
def test_a_prompt_and_its_answer_share_the_context(
    catalog: ModelCatalog, input_tokens: int, max_output_tokens: int | None, *, fits: bool
) -> None:
    """GPT-4o mini: 128,000 tokens of context, 16,384 of answer."""
    assert catalog.get("gpt-4o-mini").fits(input_tokens, max_output_tokens) is fits
