"""Debian's Chromium, a page for each test, and what that page showed when its test failed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from deployed import Deployed, installation
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from batchgen.stages.intake import JobRequest

from .prefect_ui import PrefectUI

_PATIENCE_MS = 30_000
_ONLY_THIS_MACHINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
"""The UI would report its use to its maker."""
_RECORDS = 5
_JOBS = ("approved", "sent-back", "rejected", "looked-at", "approved-in-the-older-ui")
"""Jobs of one batch of five prompts each; a test decides about its own and leaves the others alone."""


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with installation(tmp_path_factory.mktemp("deployed")) as made:
        yield made


@pytest.fixture(scope="session", autouse=True)
def chromium() -> str:
    """Path of the browser."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("There is no chromium on this machine: apt-get install chromium", pytrace=False)
    return path


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            chromium_sandbox=os.geteuid() != 0,  # root cannot have it
            args=[_ONLY_THIS_MACHINE],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser that was never used before."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, reduced_motion="reduce")
    context.set_default_timeout(_PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def ui(page: Page, deployed: Deployed) -> PrefectUI:
    return PrefectUI(page, deployed.ui)


@pytest.fixture(scope="session", autouse=True)
def batches_wait_for_review(chromium: str, deployed: Deployed) -> None:  # noqa: ARG001 - without a browser nothing starts
    """The batches of all tests, opened by one run of `process`: their reviews come up while the first test runs."""
    with deployed.services() as services:
        for job in _JOBS:
            services.processor.create_job(JobRequest("prompt", deployed.prompts(_RECORDS), name=job))
        services.advance()
    deployed.start("process/process")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what the page of a failed test showed, and say in its report where."""
    report = yield
    page = getattr(item, "funcargs", {}).get("page")
    if call.when == "call" and report.failed and page is not None:
        report.sections.append(("What the page showed", _what_it_shows(page, item.funcargs["tmp_path"])))  # type: ignore[attr-defined]
    return report


def _what_it_shows(page: Any, folder: Path) -> str:
    picture, text = folder / "page.png", folder / "page.txt"
    try:
        page.screenshot(path=picture, full_page=True)
        text.write_text(page.locator("body").inner_text())
    except Error as error:
        return f"{page.url}\nIt cannot be read: {error}"
    return f"{page.url}\nScreenshot: {picture}\nText: {text}\n\n{text.read_text()}"
