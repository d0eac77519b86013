"""Starting a job from the form of the deployment `generate`."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from deployed import Deployed, until
from playwright.sync_api import Page, expect
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import State

from .prefect_ui import PrefectUI, browser_objection

JOB = "from-the-form"


def runs_of_generate(deployed: Deployed) -> set[UUID]:
    with deployed.client() as client:
        return {run.id for run in client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=["generate"])))}


def final_state(deployed: Deployed, run: UUID) -> State[object] | None:
    state = deployed.run(run).state
    return state if state is not None and state.is_final() else None


def test_a_filled_in_form_starts_a_job(ui: PrefectUI, page: Page, deployed: Deployed) -> None:
    ui.open_form("generate")
    ui.choose(page, "data_type", "prompt")
    ui.fill(page, "source", deployed.prompts(5))
    ui.fill(page, "job", JOB)
    ui.fill(page, "limit", "2")
    ui.submit_form()
    expect(page).not_to_have_url(re.compile(r"/run\b"))  # it leads back to the deployment
    (run,) = runs_of_generate(deployed)
    ended = until(lambda: final_state(deployed, run), "an end of the run")
    assert ended.is_completed(), ended.message
    batch = deployed.batch(JOB)
    assert (batch.data_type, batch.records) == ("prompt", 2)


@pytest.mark.parametrize(("wrong", "value"), [("limit", "0"), ("source", "")])
def test_a_form_with_a_wrong_value_starts_nothing(
    wrong: str, value: str, ui: PrefectUI, page: Page, deployed: Deployed
) -> None:
    before = runs_of_generate(deployed)
    ui.open_form("generate")
    ui.choose(page, "data_type", "prompt")
    ui.fill(page, "source", deployed.prompts(5))
    ui.fill(page, wrong, value)
    ui.submit_form()
    if wrong == "limit":
        assert "1" in browser_objection(page, wrong)
    else:
        expect(page.get_by_role("main").get_by_text("'source' is a required property", exact=True)).to_be_visible()
    assert re.search(r"/run\b", page.url)
    assert runs_of_generate(deployed) == before
