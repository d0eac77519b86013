"""The pages of Prefect's two UIs as a person uses them: by what is written on buttons, fields and menus."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from playwright.sync_api import Locator, Page, expect


@dataclass(frozen=True)
class PrefectUI:
    """A browser page on a Prefect server."""

    page: Page
    address: str

    def open_form(self, deployment: str) -> None:
        """From the list of deployments to the form that starts one with parameters."""
        self.page.goto(f"{self.address}/v2/deployments")
        self.page.locator("main a[href*='/deployments/deployment/']").get_by_text(deployment, exact=True).click()
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Custom run").click()

    def submit_form(self) -> None:
        self.page.get_by_role("button", name="Submit").click()

    def open_resume_dialog(self, run: UUID) -> Locator:
        """The dialog behind Resume in the menu of a run's page."""
        self.page.goto(f"{self.address}/v2/runs/flow-run/{run}")
        self.page.get_by_role("button", name="Open menu").first.click()
        self.page.get_by_role("menuitem", name="Resume").click()
        return self._dialog()

    def open_resume_dialog_in_older_ui(self, run: UUID) -> Locator:
        """The dialog behind the button Resume, on the page that links in Prefect's logs lead to."""
        self.page.goto(f"{self.address}/runs/flow-run/{run}")
        self.page.get_by_role("button", name="Resume").click()
        return self._dialog()

    def open_artifact(self, run: UUID, key: str) -> None:
        """An artifact of a run, by way of the run's page."""
        self.page.goto(f"{self.address}/v2/runs/flow-run/{run}")
        self.page.get_by_role("tab", name="Artifacts").click()
        self.page.get_by_role("link", name=key).click()
        self.page.locator("main a[href*='/artifacts/artifact/']").first.click()

    def choose(self, inside: Page | Locator, label: str, option: str) -> None:
        """Pick an option of the menu with this label."""
        _field(inside, label).locator("fieldset").get_by_role("button").click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def choose_in_older_ui(self, inside: Locator, label: str, option: str) -> None:
        """Pick an option; a click on the menu beside its arrows closes it at once."""
        _field(inside, label).locator(".p-select-button__icon").click()
        self.page.locator(".p-select-options").get_by_text(option, exact=True).click()

    def fill(self, inside: Page | Locator, label: str, value: str) -> None:
        """Write into the field with this label; one that may be None is given a type before."""
        _value(inside, label).fill(value)

    def add_item(self, inside: Locator, label: str, value: str) -> None:
        """Add a value to the list with this label."""
        _field(inside, label).get_by_role("button", name="Add item").click()
        _field(inside, label).get_by_role("textbox").last.fill(value)

    def _dialog(self) -> Locator:
        dialog = self.page.get_by_role("dialog")
        expect(_field(dialog, "decision")).to_be_visible()
        return dialog


def browser_objection(inside: Page | Locator, label: str) -> str:
    """What the browser itself says against the value of a field, beside it; empty if nothing."""
    return str(_value(inside, label).evaluate("input => input.validationMessage"))


def _field(inside: Page | Locator, label: str) -> Locator:
    """A field with its label: `data_type` or `Data type`, with `(Optional)` behind it or not."""
    written = re.compile(rf"^\s*{label.replace('_', '[_ ]')}\b", re.IGNORECASE)
    return inside.locator("label").filter(has_text=written).locator("xpath=ancestor::*[.//fieldset][1]")


def _value(inside: Page | Locator, label: str) -> Locator:
    field = _field(inside, label)
    expect(field).to_be_visible()
    not_none = field.get_by_role("tab").filter(has_not_text="None")
    if not_none.count():
        not_none.first.click()
    return field.get_by_role("textbox").or_(field.get_by_role("spinbutton"))
