"""The registry: every data type on one screen. A new one is a new folder and one line here."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from batchgen.data_types.contract import DataType, PromptGenerator, TypeOptions
from batchgen.data_types.product import PRODUCT
from batchgen.data_types.prompt import PROMPT
from batchgen.data_types.test_code import TEST_CODE
from batchgen.errors import InvalidOption, UnknownDataType

DATA_TYPES: dict[str, DataType[Any]] = {
    data_type.name: data_type
    for data_type in (
        PROMPT,
        PRODUCT,
        TEST_CODE,
    )
}  # fmt: skip


def get_data_type(name: str) -> DataType[Any]:
    """Return the data type, or raise UnknownDataType with the names that exist."""
    try:
        return DATA_TYPES[name]
    except KeyError:
        raise UnknownDataType(name=name, known=", ".join(sorted(DATA_TYPES))) from None


def parse_options(data_type: DataType[Any], values: dict[str, Any]) -> TypeOptions:
    """Check a data type's options; raises InvalidOption."""
    try:
        options: TypeOptions = data_type.options_type.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        known = ", ".join(sorted(field.alias or name for name, field in data_type.options_type.model_fields.items()))
        raise InvalidOption(data_type=data_type.name, problem=problem, known=known) from None
    return options


class PromptGeneratorFactory:
    """Makes the prompt generator of a data type by its name."""

    @staticmethod
    def create(name: str, options: dict[str, Any]) -> PromptGenerator[Any]:
        """Return a generator; raises UnknownDataType, InvalidOption."""
        data_type = get_data_type(name)
        return data_type.prompt_generator(parse_options(data_type, options))
