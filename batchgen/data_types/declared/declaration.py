"""A data type that is declared in YAML instead of written in Python: columns in, fields out, rules, a prompt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from jinja2 import TemplateSyntaxError, meta
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from batchgen.data_types.structured.answer import AnswerForm
from batchgen.data_types.structured.duplicates.spec import DuplicateSpec
from batchgen.data_types.structured.fields import FieldSpec, each_once, free_name
from batchgen.data_types.structured.rules import Rules
from batchgen.errors import InvalidDeclaration
from batchgen.row_template import ROW, environment

ENDING = ".yaml"
NAME = r"^[a-z][a-z0-9_]{1,39}$"
_MOST_BYTES = 200_000


class Declaration(BaseModel):
    """One declared data type."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME)
    summary: str = Field("", max_length=200)
    columns: tuple[str, ...] = ()
    """Columns that the source must have; all others may be used, too."""
    unchanged: tuple[Annotated[str, AfterValidator(free_name)], ...] = ()
    """Columns that must come back with their values: facts."""
    instructions: str = Field(min_length=1)
    """What the model is and does: the system message, the same for every row."""
    prompt: str = Field(min_length=1)
    """The user message, a Jinja2 template over the columns."""
    fields: Annotated[tuple[FieldSpec, ...], AfterValidator(each_once)] = Field(min_length=1)
    rules: Rules = Rules()
    duplicates: DuplicateSpec = DuplicateSpec()
    """Which texts of different rows must not be nearly the same."""
    model: str | None = None
    """None: the default of the model policies."""
    max_retries: int = Field(3, ge=0)
    max_output_tokens: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for problem in self._problems():
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        names = {spec.name for spec in self.fields}
        if twice := names.intersection(self.unchanged):
            yield f"{min(twice)!r} is a field and an unchanged column: it can be only one of them"
        if unknown := self.rules.fields() - names:
            yield f"the rules name the field {min(unknown)!r}, which is not declared"
        if unknown := set(self.duplicates.fields) - names:
            yield f"duplicates compares the field {min(unknown)!r}, which is not declared"
        try:
            AnswerForm(self.unchanged, self.fields)
        except ValueError as error:
            yield str(error)
        try:
            used = meta.find_undeclared_variables(environment().parse(self.prompt))
            environment().from_string(self.prompt)
        except TemplateSyntaxError as error:
            yield f"the prompt is no template (line {error.lineno}: {error.message})"
            return
        except (RecursionError, SyntaxError):  # Python's own limits on what the template is compiled to
            yield "the prompt is no template (it is nested too deeply)"
            return
        known = {*self.columns, *self.unchanged, *self.rules.columns(), ROW}
        if self.columns and (foreign := used - known):
            yield f"the prompt uses {min(foreign)!r}, which is not among the columns"

    def required_columns(self) -> tuple[str, ...]:
        """Return the columns that a source must have."""
        return tuple(dict.fromkeys((*self.columns, *self.unchanged, *sorted(self.rules.columns()))))


class _EachKeyOnce(yaml.SafeLoader):
    """Refuses a key that stands twice: of two lists of rules, the first would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key, times in Counter(keys).items():
            if times > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def parse_declaration(text: str, place: str) -> Declaration:
    """Read a declaration from YAML; raises InvalidDeclaration, which says where and what."""
    if len(text) > _MOST_BYTES:
        raise InvalidDeclaration(place=place, problem=f"it has more than {_MOST_BYTES:,} characters")
    try:
        content = yaml.load(text, _EachKeyOnce)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError) as error:  # a date or a number that there is not
        raise InvalidDeclaration(place=place, problem=f"it is not YAML ({' '.join(str(error).split())})") from None
    except RecursionError:
        raise InvalidDeclaration(place=place, problem="it is nested too deeply") from None
    return check_declaration(content, place)


def check_declaration(content: Any, place: str) -> Declaration:
    """Check a declaration that was read; raises InvalidDeclaration."""
    try:
        return Declaration.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        problem = first["msg"].removeprefix("Value error, ")
        raise InvalidDeclaration(place=place, problem=f"{where}: {problem}" if where else problem) from None


def find_declaration(name: str, folder: Path) -> Declaration | None:
    """Return the declaration of a name in a folder of declarations, or None; raises InvalidDeclaration."""
    path = folder / f"{name}{ENDING}"
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidDeclaration(place=str(path), problem=str(error)) from error
    found = parse_declaration(text, str(path))
    if found.name != name:
        raise InvalidDeclaration(place=str(path), problem=f"its name is {found.name!r}, and must be that of its file")
    return found


def declared_names(folder: Path) -> list[str]:
    """Return the names of a folder's declarations, whether they hold or not."""
    return sorted(path.stem for path in folder.glob(f"*{ENDING}") if re.fullmatch(NAME, path.stem))


def declarations(folder: Path) -> Iterator[Declaration]:
    """Yield all declarations of a folder, by name; raises InvalidDeclaration for the first that is none."""
    for path in sorted(folder.glob(f"*{ENDING}")):
        found = find_declaration(path.stem, folder)
        if found is not None:
            yield found
