"""`batchgen costs` and the estimate: what a user is told of money, before and after."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from command_line import Run
from pipeline import Pipeline

from batchgen.models import Usage
from batchgen.openai_client.catalog import ModelCatalog


def ordinary(model: str, usage: Usage) -> Decimal:
    return ModelCatalog.load().price(model, usage, batch=False, largest=0)


def test_the_same_job_on_gpt_4_turbo_and_on_the_choice(configured: Pipeline, run: Run) -> None:
    """Computed from the ledger: what was paid on the chosen model, and on gpt-4-turbo without batches."""
    summary = run("generate", "prompt", "--source", configured.prompts(20), "--job", "mine", "--approve", "--json")
    usage = Usage(**summary.document["usage"])
    told = run("costs", "--job", "mine", "--json").document
    [row] = told["rows"]
    assert (row["job"], row["accepted"], row["answers"]) == ("mine", 20, 20)
    assert Decimal(row["cost_usd"]) == ModelCatalog.load().batch_cost(summary.document["model"], usage)
    assert Decimal(row["baseline_cost_usd"]) == ordinary("gpt-4-turbo", usage)
    saved = 1 - Decimal(row["cost_usd"]) / ordinary("gpt-4-turbo", usage)
    assert abs(Decimal(row["saving_percent"]) - 100 * saved) <= Decimal("0.05")
    assert saved >= Decimal("0.3")


def test_the_batch_discount_alone_saves_half_on_the_same_model(configured: Pipeline, run: Run) -> None:
    run("generate", "prompt", "--source", configured.prompts(3), "--approve", "--json")
    [row] = run("costs", "--baseline", "gpt-4o-mini", "--json").document["rows"]
    assert row["saving_percent"] == "50.0"


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("job", ["one", "two"]),
        ("batch", ["one-0001", "two-0001"]),
        ("iteration", ["one-0001:1", "two-0001:1"]),
        ("data_type", ["prompt"]),
        ("model", ["gpt-4.1-mini", "gpt-4o-mini"]),
        ("service", ["batch"]),
    ],
)
def test_a_row_for_each(configured: Pipeline, run: Run, by: str, keys: list[str]) -> None:
    for name, model in (("one", "gpt-4o-mini"), ("two", "gpt-4.1-mini")):
        source = configured.prompts(2)
        run("generate", "prompt", "--source", source, "--job", name, "--model", model, "--approve", "--json")
    told = run("costs", "--by", by, "--json").document
    assert [row[by] for row in told["rows"]] == keys
    assert sum(Decimal(row["cost_usd"]) for row in told["rows"]) == Decimal(told["total"]["cost_usd"]) > 0
    assert [row["accepted"] for row in told["rows"]] == [4 // len(keys)] * len(keys)


def test_a_model_holds_its_snapshots(configured: Pipeline, run: Run) -> None:
    for model in ("gpt-4o-mini", "gpt-4o-mini-2024-07-18", "gpt-4.1-mini"):
        run("generate", "prompt", "--source", configured.prompts(2), "--model", model, "--approve", "--json")
    for model, answers in (("gpt-4o-mini", 4), ("gpt-4o-mini-2024-07-18", 2)):
        assert run("costs", "--model", model, "--json").document["total"]["answers"] == answers


def test_days_narrow_it(configured: Pipeline, run: Run) -> None:
    run("generate", "prompt", "--source", configured.prompts(2), "--approve", "--json")
    [row] = run("costs", "--by", "day", "--json").document["rows"]
    assert run("costs", "--since", row["day"], "--until", row["day"], "--json").document["total"]["answers"] == 2
    assert run("costs", "--until", "2020-01-01", "--json").document["rows"] == []
    assert run("costs", "--since", "2026-12-01", "--until", "2026-11-01", "--json").code == 2


def test_csv_holds_the_rows(configured: Pipeline, run: Run) -> None:
    run("generate", "prompt", "--source", configured.prompts(2), "--job", "mine", "--approve", "--json")
    [row] = csv.DictReader(io.StringIO(run("costs", "--csv").out))
    assert (row["job"], row["accepted"]) == ("mine", "2")
    assert Decimal(row["cost_usd"]) > 0


def test_people_see_costs_and_the_use_of_caps(configured: Pipeline, run: Run) -> None:
    options = ("--max-cost", "2.50", "--max-output-tokens", "50", "--job", "mine", "--approve", "--json")
    assert run("generate", "prompt", "--source", configured.prompts(2), *options).code == 0
    told = run("costs").out
    assert "simulated" in told
    assert "Cap for job mine" in told
    assert "of $2.5 used" in told


def test_an_estimate_learns_from_answers_and_stays_with_the_job(configured: Pipeline, run: Run) -> None:
    source = configured.prompts(4)
    before = run("estimate", "prompt", "--source", source, "--json").document
    assert (before["output_tokens"], before["most_cost_usd"]) == (None, None)
    assert abs(Decimal(before["ordinary_cost_usd"]) - 2 * Decimal(before["cost_usd"])) <= Decimal("0.000001")
    first = run("generate", "prompt", "--source", source, "--approve", "--json").document
    learnt = run("estimate", "prompt", "--source", source, "--json").document
    assert learnt["output_tokens"] == first["usage"]["output_tokens"]
    second = run("generate", "prompt", "--source", source, "--job", "mine", "--approve", "--json").document
    assert second["estimate"]["output_tokens"] == learnt["output_tokens"]
    assert "Estimated before: $" in run("status", "mine").out


@pytest.mark.parametrize("amount", ["0", "-1", "much", "NaN"])
def test_an_amount_that_is_none_is_refused(configured: Pipeline, run: Run, amount: str) -> None:
    told = run("generate", "prompt", "--source", configured.prompts(1), f"--max-cost={amount}", "--json")
    assert (told.code, told.document["error"]["code"]) == (2, "usage")


def test_a_cap_without_a_limit_on_the_output_is_refused_with_the_remedy(configured: Pipeline, run: Run) -> None:
    told = run("generate", "prompt", "--source", configured.prompts(1), "--max-cost", "1", "--json")
    assert (told.code, told.document["error"]["code"]) == (2, "no_cost_bound")
    assert "--max-output-tokens" in told.document["error"]["remedy"]
