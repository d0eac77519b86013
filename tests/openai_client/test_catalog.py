"""Which models there are and what they cost: shipped, from genai-prices, or described by the user."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from batchgen.errors import InvalidModelError, InvalidSetting, UnknownModel
from batchgen.models import Usage
from batchgen.openai_client.catalog import MODEL_CATALOG, ModelCatalog
from batchgen.openai_client.model_config import ModelCapability, ModelTier

MILLION = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
OWN = """
models:
  - model_id: house-model
    tier: MINI
    input_price_per_1m: "1"
    cached_input_price_per_1m: "0"
    output_price_per_1m: "4"
    max_tokens: 4000
    context_window: 8000
    capabilities: [CHAT, BATCH]
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
    assert catalog.get(model).model_id == known_as


@pytest.mark.parametrize("model", ["gpt-9", "gpt-4o-mini-latest", "ft:", "", "ft:gpt-9:team"])
def test_an_unknown_model_is_refused_with_the_known_ones(catalog: ModelCatalog, model: str) -> None:
    with pytest.raises(UnknownModel, match="gpt-4o, gpt-4o-mini") as refused:
        catalog.get(model)
    assert refused.value.model == model
    assert isinstance(refused.value, InvalidModelError)


@pytest.mark.parametrize(
    ("model", "tier", "input_price", "output_price"),
    [
        ("gpt-4o-mini", ModelTier.MINI, "0.15", "0.60"),
        ("gpt-4o", ModelTier.STANDARD, "2.50", "10"),
        ("gpt-4-turbo", ModelTier.ADVANCED, "10", "30"),
        ("o1-preview", ModelTier.PREMIUM, "15", "60"),
    ],
)
def test_the_catalogue_can_be_read_as_a_mapping(
    model: str, tier: ModelTier, input_price: str, output_price: str
) -> None:
    found = MODEL_CATALOG[model]
    assert (found.model_id, found.tier) == (model, tier)
    assert (found.input_price_per_1m, found.output_price_per_1m) == (Decimal(input_price), Decimal(output_price))
    assert model in list(MODEL_CATALOG)
    assert len(MODEL_CATALOG) == len(set(MODEL_CATALOG))
    with pytest.raises(KeyError):
        MODEL_CATALOG["gpt-9"]


def test_embedding_models_only_embed() -> None:
    embedding = [each for each in MODEL_CATALOG.values() if each.can(ModelCapability.EMBEDDING)]
    assert len(embedding) == 3
    assert not any(each.can(ModelCapability.CHAT) for each in embedding)


def test_importing_the_catalogue_reads_nothing() -> None:
    code = (
        "import sys; from batchgen.openai_client.catalog import MODEL_CATALOG, _shipped; "
        "sys.exit(_shipped.cache_info().currsize + ('genai_prices' in sys.modules))"
    )
    assert subprocess.run((sys.executable, "-c", code), check=False).returncode == 0


def test_a_batch_costs_half(catalog: ModelCatalog) -> None:
    assert catalog.batch_cost("gpt-4o-mini", MILLION, largest=1000) == Decimal("0.375")
    assert catalog.batch_cost("gpt-4o-mini-2024-07-18", MILLION) == Decimal("0.375")
    assert catalog.ordinary_cost("gpt-4o-mini", MILLION) == Decimal("0.75")


def test_a_batch_costs_half_where_no_batch_price_is_known(catalog: ModelCatalog) -> None:
    assert catalog.batch_cost("o1-preview", MILLION) == Decimal("37.5")
    before = datetime(2026, 1, 1, tzinfo=UTC)
    assert catalog.price("gpt-4o-mini", MILLION, batch=True, at=before) == Decimal("0.375")


def test_cached_input_costs_less(catalog: ModelCatalog) -> None:
    cached = Usage(input_tokens=1_000_000, cached_input_tokens=1_000_000)
    assert catalog.ordinary_cost("gpt-4o-mini", cached) == Decimal("0.075")
    assert catalog.batch_cost("gpt-5-mini", cached) == Decimal("0.0125")


def test_in_batches_cached_input_is_not_halved_again_where_openai_does_not(catalog: ModelCatalog) -> None:
    cached = Usage(input_tokens=1_000_000, cached_input_tokens=1_000_000)
    assert catalog.batch_cost("gpt-4o-mini", cached) == Decimal("0.075")


@pytest.mark.parametrize(("batch", "cost"), [(False, "2.5"), (True, "1.25")])
def test_what_is_put_into_the_cache_costs_more_than_other_input(
    catalog: ModelCatalog, *, batch: bool, cost: str
) -> None:
    """A quarter more since GPT-5.6 (OpenAI's price table, in genai-prices as cache_write_mtok)."""
    written = Usage(input_tokens=1_000_000, cache_write_tokens=1_000_000)
    assert catalog.price("gpt-6-sol", written, batch=batch, largest=1) == Decimal(cost)
    half = Usage(input_tokens=1_000_000, cached_input_tokens=500_000, cache_write_tokens=500_000)
    assert catalog.price("gpt-6-sol", half, batch=False, largest=1) == Decimal("0.1") + Decimal("1.25")
    assert catalog.price("gpt-4o", written, batch=False) == Decimal("2.5")


def test_more_cached_tokens_than_input_count_as_all_of_it(catalog: ModelCatalog) -> None:
    odd = Usage(input_tokens=1_000_000, cached_input_tokens=2_000_000)
    assert catalog.batch_cost("gpt-4o-mini", odd) == Decimal("0.075")


def test_nothing_costs_nothing(catalog: ModelCatalog) -> None:
    assert catalog.batch_cost("gpt-4o-mini", Usage()) == 0


@pytest.mark.parametrize(("tokens", "cost"), [(272_000, "0.272"), (272_001, "0.544002")])
def test_a_request_above_272_000_tokens_costs_more(catalog: ModelCatalog, tokens: int, cost: str) -> None:
    assert catalog.batch_cost("gpt-6-sol", Usage(input_tokens=tokens)) == Decimal(cost)


def test_above_272_000_tokens_output_costs_more_too(catalog: ModelCatalog) -> None:
    long = Usage(input_tokens=300_000, cached_input_tokens=100_000, output_tokens=10_000)
    in_cents = 200_000 * Decimal(200) + 100_000 * Decimal(20) + 10_000 * Decimal(750)
    assert catalog.batch_cost("gpt-6-sol", long) == in_cents / 100 / 1_000_000


def test_the_sum_of_small_requests_is_not_one_long_one(catalog: ModelCatalog) -> None:
    assert catalog.batch_cost("gpt-6-sol", MILLION, largest=2_000) == Decimal(6)
    assert catalog.batch_cost("gpt-6-sol", MILLION) == Decimal("9.5")


def test_a_price_has_its_day(catalog: ModelCatalog) -> None:
    """GPT-5.6 Luna became cheaper on 30 July 2026 (genai-prices)."""
    june, august = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)
    then, later = (catalog.price("gpt-5.6-luna", MILLION, batch=False, largest=1, at=day) for day in (june, august))
    assert (then, later) == (Decimal(7), Decimal("1.4"))


def test_a_price_that_genai_prices_lacks_comes_from_the_model(catalog: ModelCatalog) -> None:
    assert catalog.batch_cost("gpt-6-sol-2030-01-01", MILLION, largest=1) == Decimal(6)


@pytest.mark.parametrize(
    ("tuned_from", "cost"),
    [
        ("gpt-4o-mini-2024-07-18", "1.5"),
        ("gpt-4o-mini", "1.5"),
        ("gpt-4o-2024-08-06", "18.75"),
        ("gpt-3.5-turbo", "9"),
        ("gpt-4.1-2025-04-14", "15"),
        ("gpt-4.1-mini-2025-04-14", "4"),
        ("gpt-4.1-nano-2025-04-14", "1"),
        ("o4-mini-2025-04-16", "20"),
    ],
)
def test_a_fine_tuned_model_has_its_own_price(catalog: ModelCatalog, tuned_from: str, cost: str) -> None:
    """OpenAI's price table, section fine-tuning: genai-prices has the GPT-4o ones, litellm 1.110 all of them."""
    model = f"ft:{tuned_from}:our-team::abc"
    assert catalog.ordinary_cost(model, MILLION) == Decimal(cost)
    assert catalog.batch_cost(model, MILLION) == Decimal(cost) / 2


def test_the_users_own_fine_tuned_model_is_known_by_its_whole_id(own_file: Path) -> None:
    model = "ft:gpt-4.1-mini-2025-04-14:our-team::abc"
    own_file.write_text(OWN.replace("house-model", f'"{model}"'), encoding="utf-8")
    catalog = ModelCatalog.load(own_file)
    assert catalog.get(model).model_id == model
    assert catalog.batch_cost(model, MILLION) == Decimal("2.5")
    assert catalog.get("ft:gpt-4.1-mini-2025-04-14:another::abc").model_id == "gpt-4.1-mini"


def test_the_users_own_file_adds_models(own_file: Path) -> None:
    catalog = ModelCatalog.load(own_file)
    assert catalog.get("house-model").context_window == 8_000
    assert catalog.get("gpt-4o").model_id == "gpt-4o"
    assert catalog.batch_cost("house-model", MILLION) == Decimal("2.5")
    assert catalog.enqueued_limit("house-model", 3) == 5_000
    assert "house-model" not in MODEL_CATALOG


def test_the_users_own_batch_prices_count(own_file: Path) -> None:
    own_file.write_text(OWN + '    batch_input_price_per_1m: "0.9"\n    batch_output_price_per_1m: "3"\n')
    catalog = ModelCatalog.load(own_file)
    assert catalog.batch_cost("house-model", MILLION) == Decimal("3.9")
    assert catalog.ordinary_cost("house-model", MILLION) == Decimal(5)


def test_cached_input_may_be_free(own_file: Path) -> None:
    cached = Usage(input_tokens=1_000_000, cached_input_tokens=1_000_000)
    assert ModelCatalog.load(own_file).batch_cost("house-model", cached) == 0


def test_the_users_own_price_of_a_known_model_wins(own_file: Path) -> None:
    own_file.write_text(OWN.replace("house-model", "gpt-4o-mini"), encoding="utf-8")
    catalog = ModelCatalog.load(own_file)
    assert catalog.batch_cost("gpt-4o-mini", MILLION) == Decimal("2.5")
    assert catalog.get("gpt-4o-mini").output_price_per_1m == 4


@pytest.mark.parametrize(
    "content",
    [
        OWN + "    colour: red\n",
        OWN + "colour: red\n",
        OWN.replace('"4"', "dear"),
        OWN.replace('"4"', '"-4"'),
        OWN.replace("MINI", "TINY"),
        OWN.replace("CHAT", "clairvoyance"),
        OWN + OWN.replace("models:\n", ""),
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


@pytest.mark.parametrize(
    ("model", "tier", "limit"),
    [("gpt-4o-mini", 1, 2_000_000), ("gpt-4o-mini", None, None), ("gpt-5.2", 1, None), ("gpt-4o", 2, 1_350_000)],
)
def test_a_queue_limit_is_known_only_where_a_source_states_it(
    catalog: ModelCatalog, model: str, tier: int | None, limit: int | None
) -> None:
    assert catalog.enqueued_limit(model, tier) == limit
