"""The view of docs/django.md, run by a real Django."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import django
import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pipeline import Pipeline, StartPipeline

from .test_analysis_pipeline import TABLE, script

DOCS = Path(__file__).parents[2] / "docs" / "django.md"


@pytest.fixture
def client(start_pipeline: StartPipeline, monkeypatch: pytest.MonkeyPatch) -> tuple[Client, Pipeline]:
    pipeline = start_pipeline(script)
    for name, value in pipeline.environment.items():
        monkeypatch.setenv(name, value)
    urls = ModuleType("analysis_urls")
    for block in re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(DOCS), "exec"), vars(urls))  # noqa: S102 - our own documentation
    monkeypatch.setitem(sys.modules, "analysis_urls", urls)
    if not django_settings.configured:
        django_settings.configure(
            ROOT_URLCONF="analysis_urls", SECRET_KEY="test", ALLOWED_HOSTS=["testserver"], DEBUG=False
        )
        django.setup()
    return Client(), pipeline


def test_an_uploaded_file_is_analysed(client: tuple[Client, Pipeline]) -> None:
    browser, _ = client
    answer = browser.post("/analyses/", {"file": SimpleUploadedFile("preise.csv", TABLE.encode()), "question": "Max?"})
    assert answer.status_code == 200
    assert answer.json()["analysis"]["answer"] == "49,75"


def test_a_file_that_cannot_be_analysed_is_told_and_nothing_is_left(client: tuple[Client, Pipeline]) -> None:
    browser, pipeline = client
    answer = browser.post("/analyses/", {"file": SimpleUploadedFile("leer.csv", b"")})
    assert answer.status_code == 422
    assert "holds no records" in answer.json()["error"]
    assert browser.post("/analyses/").status_code == 400
    assert not list((pipeline.folder / "state" / "work").iterdir())
