"""Which models there are and what they cost: shipped, from genai-prices, or described by the user."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from batchgen.errors import InvalidSetting, UnknownModel
from batchgen.models import Usage
from batchgen.openai_client.catalog import ModelCatalog

MILLION = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
OWN = """
models:
  - id: house-model
    input_price_per_1m: "1"
    cached_input_price_per_1m: "0"
    output_price_per_1m: "4"
    context_window: 8000
    capabilities: [chat]
    enqueued_tokens: {3: 5000}
"""


@pytest.fixture
def catalog() -> ModelCatalog:
    return ModelCatalog.load()


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    path = tmp_path / "models.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("model", "known_as"),
    [
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("ft:gpt-4o-mini:our-team::abc", "gpt-4o-mini"),
        ("ft:gpt-4o-mini-2024-07-18:our-team:name:abc", "gpt-4o-mini"),
        ("ft:gpt-4.1", "gpt-4.1"),
    ],
)
def test_snapshots_and_fine_tuned_models_are_known_by_their_model(
    catalog: ModelCatalog, model: str, known_as: str
) -> None:
    assert catalog.get(model).id == known_as


@pytest.mark.parametrize("model", ["gpt-9", "gpt-4o-mini-latest", "ft:", "", "ft:gpt-9:team"])
def test_an_unknown_model_is_refused_with_the_known_ones(catalog: ModelCatalog, model: str) -> None:
    with pytest.raises(UnknownModel, match="gpt-4o, gpt-4o-mini") as refused:
        catalog.get(model)
    assert refused.value.model == model


def test_a_batch_costs_half(catalog: ModelCatalog) -> None:
    assert catalog.batch_cost("gpt-4o-mini", MILLION) == Decimal("0.375")
    assert catalog.batch_cost("gpt-4o-mini-2024-07-18", MILLION) == Decimal("0.375")


def test_cached_input_costs_less(catalog: ModelCatalog) -> None:
    cached = Usage(input_tokens=1_000_000, cached_input_tokens=1_000_000)
    assert catalog.batch_cost("gpt-4o-mini", cached) == Decimal("0.0375")


def test_more_cached_tokens_than_input_count_as_all_of_it(catalog: ModelCatalog) -> None:
    odd = Usage(input_tokens=1_000_000, cached_input_tokens=2_000_000)
    assert catalog.batch_cost("gpt-4o-mini", odd) == Decimal("0.0375")


def test_nothing_costs_nothing(catalog: ModelCatalog) -> None:
    assert catalog.batch_cost("gpt-4o-mini", Usage()) == 0


def test_a_price_that_genai_prices_lacks_comes_from_the_catalogue(catalog: ModelCatalog) -> None:
    assert catalog.batch_cost("ft:gpt-4o-mini:our-team::abc", MILLION) == Decimal("0.375")


def test_the_users_own_file_adds_models(own_file: Path) -> None:
    catalog = ModelCatalog.load(own_file)
    assert catalog.get("house-model").context_window == 8_000
    assert catalog.get("gpt-4o").id == "gpt-4o"
    assert catalog.batch_cost("house-model", MILLION) == Decimal("2.5")
    assert catalog.enqueued_limit("house-model", 3) == 5_000


def test_cached_input_may_be_free(own_file: Path) -> None:
    cached = Usage(input_tokens=1_000_000, cached_input_tokens=1_000_000)
    assert ModelCatalog.load(own_file).batch_cost("house-model", cached) == 0


def test_the_users_own_price_of_a_known_model_wins(own_file: Path) -> None:
    own_file.write_text(OWN.replace("house-model", "gpt-4o-mini"), encoding="utf-8")
    assert ModelCatalog.load(own_file).batch_cost("gpt-4o-mini", MILLION) == Decimal("2.5")


@pytest.mark.parametrize(
    "content",
    [
        OWN + "    colour: red\n",
        OWN + "colour: red\n",
        OWN.replace('"4"', "dear"),
        "models: [",
        "",
        "just text",
    ],
)
def test_a_file_with_anything_unknown_is_refused_by_its_setting(own_file: Path, content: str) -> None:
    own_file.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidSetting) as refused:
        ModelCatalog.load(own_file)
    assert refused.value.variable == "BATCHGEN_MODEL_CATALOG"


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"nothing\.yaml"):
        ModelCatalog.load(tmp_path / "nothing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidSetting):
        ModelCatalog.load(tmp_path / "binary.yaml")


def test_a_model_that_is_named_is_taken_as_it_was_named(catalog: ModelCatalog) -> None:
    assert catalog.choose("gpt-4o-mini-2024-07-18", frozenset({"chat"})) == "gpt-4o-mini-2024-07-18"
    with pytest.raises(UnknownModel):
        catalog.choose("gpt-9", frozenset())


def test_auto_is_the_cheapest_that_is_able(catalog: ModelCatalog, own_file: Path) -> None:
    assert catalog.choose("auto", frozenset({"chat", "structured_output"})) == "gpt-5-nano"
    own_file.write_text(OWN.replace('"1"', '"0"').replace('"4"', '"0"'), encoding="utf-8")
    own = ModelCatalog.load(own_file)
    assert own.choose("auto", frozenset({"chat"})) == "house-model"
    assert own.choose("auto", frozenset({"structured_output"})) == "gpt-5-nano"


def test_auto_finds_no_model_for_what_none_can_do(catalog: ModelCatalog) -> None:
    with pytest.raises(UnknownModel, match="'auto'"):
        catalog.choose("auto", frozenset({"clairvoyance"}))


@pytest.mark.parametrize(
    ("model", "tier", "limit"),
    [("gpt-4o-mini", 1, 2_000_000), ("gpt-4o-mini", 2, None), ("gpt-4o-mini", None, None), ("gpt-5", 1, None)],
)
def test_a_queue_limit_is_known_only_where_a_source_states_it(
    catalog: ModelCatalog, model: str, tier: int | None, limit: int | None
) -> None:
    assert catalog.enqueued_limit(model, tier) == limit
