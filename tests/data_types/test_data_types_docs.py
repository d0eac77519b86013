"""What a user can give or get stands in docs/data-types.md."""

from pathlib import Path
from typing import Any

import pytest

from batchgen.data_types.contract import DataType
from batchgen.data_types.product import PRODUCT
from batchgen.data_types.product.fields import KNOWN_FIELDS
from batchgen.data_types.prompt import PROMPT
from batchgen.data_types.structured.fields import FieldSpec
from batchgen.sources.rows import READERS

PAGE = (Path(__file__).parents[2] / "docs" / "data-types.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("data_type", [PROMPT, PRODUCT], ids=lambda data_type: data_type.name)
def test_every_option_is_described(data_type: DataType[Any]) -> None:
    names = [field.alias or name for name, field in data_type.options_type.model_fields.items()]
    assert [name for name in names if f"`{name}`" not in PAGE] == []


def test_every_ending_field_and_key_is_described() -> None:
    assert [ending for ending in READERS if f"`{ending}`" not in PAGE] == []
    assert [name for name in KNOWN_FIELDS if name not in PAGE] == []
    assert [key for key in FieldSpec.model_fields if f"`{key}`" not in PAGE] == []
