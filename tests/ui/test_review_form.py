"""Deciding about a batch in the form of its suspended review."""

from __future__ import annotations

import json
from urllib.request import urlopen

from deployed import Deployed, until
from playwright.sync_api import Page, expect

from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch

from .prefect_ui import PrefectUI

REVIEWER = "Ada Lovelace"


def batch_once(deployed: Deployed, job: str, status: BatchStatus) -> Batch:
    def there() -> Batch | None:
        batch = deployed.batch(job)
        return batch if batch.status is status else None

    return until(there, f"a batch of {job} that is {status}")


def lines_of(batch: Batch, name: str) -> list[dict[str, object]]:
    """An object of the batch, read where its link leads."""
    (url,) = (stored.url for stored in batch.objects if stored.key.endswith(f"/{name}"))
    with urlopen(url, timeout=20) as answer:  # noqa: S310 - a server of our own
        return [json.loads(line) for line in answer]


def test_named_records_are_sent_back_with_a_note(ui: PrefectUI, deployed: Deployed) -> None:
    dialog = ui.open_resume_dialog(deployed.open_review("sent-back").id)
    ui.choose(dialog, "decision", "retry")
    ui.fill(dialog, "reviewer", REVIEWER)
    ui.fill(dialog, "note", "Say it in French.")
    for record_id in ("p1", "p3"):
        ui.add_item(dialog, "records", record_id)
    dialog.get_by_role("button", name="Resume").click()
    expect(dialog).to_be_hidden()
    (decision,) = until(lambda: deployed.batch("sent-back").decisions, "a decision")
    assert (decision.action, decision.reviewer, decision.note) == ("retry", REVIEWER, "Say it in French.")


def test_an_approval_completes_the_batch(ui: PrefectUI, deployed: Deployed) -> None:
    dialog = ui.open_resume_dialog(deployed.open_review("approved").id)
    ui.choose(dialog, "decision", "approve")
    ui.fill(dialog, "reviewer", REVIEWER)
    dialog.get_by_role("button", name="Resume").click()
    expect(dialog).to_be_hidden()
    (decision,) = batch_once(deployed, "approved", BatchStatus.COMPLETED).decisions
    assert (decision.action, decision.reviewer) == ("approve", REVIEWER)


def test_an_approval_in_the_older_ui_completes_the_batch(ui: PrefectUI, deployed: Deployed) -> None:
    dialog = ui.open_resume_dialog_in_older_ui(deployed.open_review("approved-in-the-older-ui").id)
    ui.choose_in_older_ui(dialog, "decision", "approve")
    ui.fill(dialog, "reviewer", REVIEWER)
    dialog.get_by_role("button", name="Submit").click()
    expect(dialog).to_be_hidden()
    (decision,) = batch_once(deployed, "approved-in-the-older-ui", BatchStatus.COMPLETED).decisions
    assert (decision.action, decision.reviewer) == ("approve", REVIEWER)


def test_a_rejected_batch_is_exhausted(ui: PrefectUI, deployed: Deployed) -> None:
    dialog = ui.open_resume_dialog(deployed.open_review("rejected").id)
    ui.choose(dialog, "decision", "reject")
    ui.fill(dialog, "reviewer", REVIEWER)
    dialog.get_by_role("button", name="Resume").click()
    expect(dialog).to_be_hidden()
    batch = batch_once(deployed, "rejected", BatchStatus.EXHAUSTED)
    assert (batch.accepted, batch.refused) == (0, 5)


def test_an_empty_form_decides_nothing(ui: PrefectUI, page: Page, deployed: Deployed) -> None:
    review = deployed.open_review("looked-at")
    dialog = ui.open_resume_dialog(review.id)
    dialog.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("'decision' is a required property")).to_be_visible()
    assert deployed.run(review.id).state_name == "Suspended"
    assert deployed.batch("looked-at").status is BatchStatus.READY_FOR_REVIEW


def test_the_report_is_rendered_with_its_counts(ui: PrefectUI, page: Page, deployed: Deployed) -> None:
    ui.open_artifact(deployed.open_review("looked-at").id, "review-looked-at-0001")
    main = page.get_by_role("main")
    expect(main.locator("strong", has_text="5 of 5 records accepted")).to_be_visible()
    expect(main.get_by_role("heading", name="Accepted: samples")).to_be_visible()
    expect(main.get_by_role("link", name="results.jsonl")).to_have_attribute(
        "href", deployed.batch("looked-at").objects[0].url
    )


def test_exactly_the_records_that_were_sent_back_come_again(page: Page, deployed: Deployed) -> None:
    """The last test, since the stages work on it while the others run."""
    again = deployed.open_review("sent-back", iteration=2)
    came_again = [line for line in lines_of(deployed.batch("sent-back"), "results.jsonl") if line["iteration"] == 2]
    assert {line["record_id"] for line in came_again} == {"p1", "p3"}
    page.goto(f"{deployed.ui}/v2/runs/flow-run/{again.id}")
    expect(page.get_by_role("main").get_by_text("Suspended", exact=True).first).to_be_visible()
