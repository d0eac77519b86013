"""The registry: every data type on one screen. A new one is a new folder and one line here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from batchgen.data_types.contract import DataType, PromptGenerator, TypeOptions
from batchgen.data_types.csv_analysis import CSV_ANALYSIS
from batchgen.data_types.declared import declared_type
from batchgen.data_types.declared.declaration import ENDING, NAME, check_declaration, find_declaration
from batchgen.data_types.product import PRODUCT
from batchgen.data_types.prompt import PROMPT
from batchgen.data_types.test_code import TEST_CODE
from batchgen.errors import InvalidDeclaration, InvalidOption, UnknownDataType

DATA_TYPES: dict[str, DataType[Any]] = {
    data_type.name: data_type
    for data_type in (
        PROMPT,
        PRODUCT,
        TEST_CODE,
        CSV_ANALYSIS,
    )
}  # fmt: skip


def get_data_type(name: str, options: Mapping[str, Any] | None = None) -> DataType[Any]:
    """Return the data type of a name, or the one that a job's options declare under it.

    Raises UnknownDataType with the names that exist, InvalidDeclaration.
    """
    if name in DATA_TYPES:
        return DATA_TYPES[name]
    declared = None if options is None else options.get("declaration")
    if declared is None:
        raise UnknownDataType(name=name, known=", ".join(sorted(DATA_TYPES)))
    declaration = check_declaration(declared, f"the job of {name}")
    if declaration.name != name:
        raise InvalidDeclaration(place=f"the job of {name}", problem=f"its name is {declaration.name!r}")
    return declared_type(declaration)


def with_declaration(name: str, options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return options that hold the declaration of the data type, where it is one that a folder declares.

    Raises UnknownDataType with all names that exist, InvalidDeclaration.
    """
    if name in DATA_TYPES or "declaration" in options:
        return dict(options)
    found = find_declaration(name, folder) if re.match(NAME, name) else None
    if found is None:
        known = [*DATA_TYPES, *(path.stem for path in folder.glob(f"*{ENDING}"))]
        raise UnknownDataType(name=name, known=", ".join(sorted(known)))
    return {**options, "declaration": found.model_dump(mode="json", exclude_defaults=True)}


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
        data_type = get_data_type(name, options)
        return data_type.prompt_generator(parse_options(data_type, options))
