"""Which model a service may use, and which one it gets."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from batchgen.data_types import DATA_TYPES
from batchgen.errors import InvalidModelError, InvalidSetting, UnknownModel, UnknownService
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.model_config import ModelCapability, ModelTier
from batchgen.openai_client.policies import ModelPolicies, PromptSize

NOW = datetime(2026, 11, 27, tzinfo=UTC)
OWN = """
policies:
  - service_name: prompt
    allowed_tiers: [MINI]
    allowed_models: [gpt-4o]
    denied_models: [gpt-6-luna]
    default_model: gpt-4.1-mini
    required_capabilities: [BATCH]
"""


@pytest.fixture(scope="module")
def policies() -> ModelPolicies:
    return ModelPolicies.load(ModelCatalog.load())


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    path = tmp_path / "policies.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


def names(policies: ModelPolicies, service: str) -> set[str]:
    return {each.model_id for each in policies.allowed(service)}


def test_every_data_type_and_service_has_a_policy_whose_default_it_allows(policies: ModelPolicies) -> None:
    assert set(policies.services) == {*DATA_TYPES, "declared", "strategy_builder", "narrative_report", "chat_ops"}
    for service in policies.services:
        default = policies.get(service).default_model
        assert policies.validate(default, service).model_id == default


@pytest.mark.parametrize(
    ("service", "default"),
    [
        ("prompt", "gpt-4o-mini"),
        ("product", "gpt-4o-mini"),
        ("test_code", "gpt-4o-mini"),
        ("csv_analysis", "gpt-4o-mini"),
        ("strategy_builder", "gpt-4o-mini"),
        ("narrative_report", "gpt-4o"),
        ("chat_ops", "gpt-4o"),
    ],
)
def test_without_a_model_it_is_the_default(policies: ModelPolicies, service: str, default: str) -> None:
    choice = policies.choose(None, service)
    assert (choice.model, choice.reason) == (default, f"it is the default of {service}")


@pytest.mark.parametrize(
    ("service", "model", "why"),
    [
        ("strategy_builder", "o1-preview", "of the tier PREMIUM"),
        ("strategy_builder", "gpt-4-turbo", "of the tier ADVANCED"),
        ("product", "gpt-4-turbo", "lacks STRUCTURED_OUTPUT"),
        ("narrative_report", "gpt-4o-mini", "of the tier MINI"),
        ("prompt", "text-embedding-3-small", "only vectors"),
        ("prompt", "o1-mini", "lacks BATCH"),
        ("chat_ops", "gpt-5.4-pro", "lacks CHAT"),
    ],
)
def test_a_model_that_is_not_allowed_is_refused_with_those_that_are(
    policies: ModelPolicies, service: str, model: str, why: str
) -> None:
    with pytest.raises(InvalidModelError, match=why) as refused:
        policies.validate(model, service, needs=frozenset({ModelCapability.CHAT}))
    assert refused.value.message.startswith(f"Model {model} not allowed for service {service}; allowed: ")
    allowed = refused.value.allowed.split(", ")
    assert model not in allowed
    assert policies.get(service).default_model in allowed


def test_what_is_refused_is_what_is_not_among_the_allowed(policies: ModelPolicies) -> None:
    for service in policies.services:
        allowed = names(policies, service)
        for model in policies.catalog.ids:
            if model in allowed:
                assert policies.validate(model, service).model_id == model
            else:
                with pytest.raises(InvalidModelError):
                    policies.validate(model, service)


def test_allowed_models_come_smallest_tier_and_cheapest_first(policies: ModelPolicies) -> None:
    found = policies.allowed("chat_ops")
    assert [each.tier.rank for each in found] == sorted(each.tier.rank for each in found)
    assert {each.tier for each in found} == {ModelTier.STANDARD, ModelTier.ADVANCED, ModelTier.PREMIUM}


def test_an_unknown_model_and_an_unknown_service_are_told_apart(policies: ModelPolicies) -> None:
    with pytest.raises(UnknownModel):
        policies.validate("gpt-9", "prompt")
    with pytest.raises(UnknownService, match="chat_ops"):
        policies.validate("gpt-4o", "fortune_telling")


def test_a_snapshot_goes_by_the_policy_of_its_model(policies: ModelPolicies) -> None:
    assert policies.choose("gpt-4o-mini-2024-07-18", "prompt").model == "gpt-4o-mini-2024-07-18"
    with pytest.raises(InvalidModelError):
        policies.choose("o1-2024-12-17", "prompt")


def test_a_type_without_a_policy_goes_by_the_fallback(policies: ModelPolicies) -> None:
    assert policies.choose(None, "shop_texts", fallback="declared").model == "gpt-4o-mini"
    assert policies.choose(None, "shop_texts", fallback="declared", default="gpt-4.1").model == "gpt-4.1"
    with pytest.raises(InvalidModelError, match="shop_texts"):
        policies.choose("o1", "shop_texts", fallback="declared")


def test_auto_is_the_cheapest_that_lasts_and_says_why(policies: ModelPolicies) -> None:
    """gpt-5-nano is cheaper, and ends on 11 December 2026."""
    choice = policies.choose("auto", "product", today=NOW)
    assert choice.model == "gpt-6-luna"
    assert choice.reason.startswith("auto: the cheapest of ")
    assert "$0.3 " in choice.reason
    assert policies.choose("auto", "product", today=datetime(2026, 1, 1, tzinfo=UTC)).model == "gpt-5-nano"


def test_auto_takes_a_model_that_can_hold_the_prompts(own_file: Path) -> None:
    own_file.write_text(OWN.replace("gpt-6-luna", "gpt-5.6-luna, gpt-6-luna, gpt-4.1-nano"), encoding="utf-8")
    policies = ModelPolicies.load(ModelCatalog.load(), own_file)
    small = policies.choose("auto", "prompt", today=NOW)
    large = policies.choose("auto", "prompt", size=PromptSize(500_000), today=NOW)
    assert (small.model, large.model) == ("gpt-4o-mini", "gpt-4.1-mini")
    with pytest.raises(InvalidModelError, match="holds a prompt of 2,000,000 tokens"):
        policies.choose("auto", "prompt", size=PromptSize(2_000_000), today=NOW)


def test_auto_takes_a_model_that_can_answer_at_length(policies: ModelPolicies) -> None:
    for limit in (16_384, 100_000, 128_000):
        chosen = policies.catalog.get(policies.choose("auto", "prompt", size=PromptSize(10, limit), today=NOW).model)
        assert chosen.max_tokens >= limit


def test_auto_finds_none_where_all_have_ended(policies: ModelPolicies, own_file: Path) -> None:
    own_file.write_text(
        "policies: [{service_name: prompt, allowed_tiers: [], allowed_models: [gpt-4], default_model: gpt-4}]"
    )
    only_old = ModelPolicies.load(policies.catalog, own_file)
    with pytest.raises(InvalidModelError, match="Model auto not allowed for service prompt; allowed: gpt-4"):
        only_old.choose("auto", "prompt", today=NOW)


def test_the_users_own_policy_wins(own_file: Path) -> None:
    policies = ModelPolicies.load(ModelCatalog.load(), own_file)
    assert policies.choose(None, "prompt").model == "gpt-4.1-mini"
    assert "gpt-4o" in names(policies, "prompt")
    assert not {"gpt-6-luna", "gpt-4.1"} & names(policies, "prompt")
    assert policies.choose(None, "product").model == "gpt-4o-mini"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (OWN.replace("gpt-4.1-mini", "gpt-4.1"), "does not allow its own default: gpt-4.1 is of the tier STANDARD"),
        (OWN.replace("gpt-4.1-mini", "gpt-9"), "no model 'gpt-9'"),
        (OWN.replace("[gpt-4o]", "[gpt-9]"), "no model 'gpt-9'"),
        (OWN + "    colour: red\n", "colour"),
        (OWN + OWN.replace("\npolicies:\n", ""), "more than one policy"),
        (OWN.replace("prompt", "No Name"), "service_name"),
        ("policies: [", "while parsing"),
        ("", "valid dictionary"),
    ],
)
def test_policies_that_cannot_hold_are_refused_by_their_setting(own_file: Path, content: str, problem: str) -> None:
    own_file.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidSetting, match=problem) as refused:
        ModelPolicies.load(ModelCatalog.load(), own_file)
    assert refused.value.variable == "BATCHGEN_MODEL_POLICIES"


def test_a_file_of_policies_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"nothing\.yaml"):
        ModelPolicies.load(ModelCatalog.load(), tmp_path / "nothing.yaml")
