"""Every option and every reason of refusal stands in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchgen.data_types.test_code.options import TestCodeOptions
from batchgen.data_types.test_code.running.verdict import ALL_RUNGS

PAGE = (Path(__file__).parents[3] / "docs" / "data-type-test-code.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*TestCodeOptions.model_fields, *ALL_RUNGS])
def test_it_is_described(name: str) -> None:
    assert f"`{name}`" in PAGE
