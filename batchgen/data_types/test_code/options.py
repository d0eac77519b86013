"""What a user can choose: which files and targets, from what size on a class is split, and how much is shown."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, ClassVar, Literal

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import AfterValidator, BeforeValidator, Field

from batchgen.data_types.contract import TypeOptions


def _split(value: object) -> object:
    """The command line has no lists: one text may hold several patterns with commas between."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _requirements(value: object) -> object:
    """One text may hold several requirements with blanks between; each must be one."""
    parts = value.split() if isinstance(value, str) else value
    for part in parts if isinstance(parts, list | tuple) else ():
        try:
            Requirement(str(part))
        except InvalidRequirement as error:
            raise ValueError(
                f"{part!r} is no requirement ({error}); write name==version, with blanks between"
            ) from None
    return parts


def _is_commit(value: str) -> str:
    if not value.strip() or value.startswith("-"):
        raise ValueError("it must name a commit, a branch or a tag")
    return value


Requirements = Annotated[tuple[str, ...], BeforeValidator(_requirements)]
Patterns = Annotated[tuple[str, ...], BeforeValidator(_split)]
Commit = Annotated[str, AfterValidator(_is_commit)]


class TestCodeOptions(TypeOptions):
    """Options of the data type `test_code`."""

    __test__: ClassVar[bool] = False
    """It is no test, whatever pytest makes of its name."""

    include: Patterns = Field((), description="Only files whose path matches one of these patterns, e.g. json/*.py")
    """Shell patterns on the path below the source root; a folder's path stands for all in it. None: every file."""
    exclude: Patterns = Field((), description="No files whose path matches one of these patterns")
    """The same, for files to leave out; it wins over `include`."""
    max_lines: int = Field(50, ge=1, le=10_000, description="Classes with more lines are tested method by method")
    since: Commit | None = Field(
        None, description="Only targets with lines that were changed since this commit, branch or tag of git"
    )
    """The source must lie in a git repository. New files count whole, also those that git does not know yet."""
    uncovered: bool = Field(False, description="Only targets with lines that the project's own tests do not reach")
    context_tokens: int = Field(
        3_000, ge=500, le=100_000, description="Tokens for the target's code and what is shown beside it"
    )
    """Of each prompt, beside the instructions."""
    requirements: Requirements = Field(
        (), description="What the code needs beside its project's own requirements, e.g. 'attrs pytest-mock>=3'"
    )
    """Requirements (PEP 508) for the environment in which the tests are run; in one text with blanks between."""
    time_limit_s: float = Field(10, gt=0, le=600, description="Seconds that one run of an answer's tests may take")
    framework: Literal["pytest"] = Field("pytest", description="The framework of the tests")

    def selects(self, path: str) -> bool:
        """Tell whether a file, by its path below the source root, is wanted."""
        wanted = not self.include or _matches(path, self.include)
        return wanted and not _matches(path, self.exclude)


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path, pattern) or fnmatchcase(path, f"{pattern.rstrip('/')}/*") for pattern in patterns)
