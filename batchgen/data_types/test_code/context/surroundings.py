"""What a model must see beside the target: everything that it would otherwise have asked for, within a budget.

The tokens are spent by relevance: each part may take a share, and what one leaves the next ones can have.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from batchgen.data_types.test_code.code.references import attributes, first_names, parameter_types, references
from batchgen.data_types.test_code.code.source_index import Found, SourceIndex
from batchgen.data_types.test_code.code.surface import Surface
from batchgen.data_types.test_code.code.targets import Target
from batchgen.data_types.test_code.context.budget import Budget, clip
from batchgen.data_types.test_code.context.example_tests import ExampleTests

GUTTER = 3
"""Tokens that a line number takes beside its line."""
_SOURCE = 0.7
_OWNER = 0.25
_IMPORTS = 0.1
_USES = 0.45
_TESTS = 0.3
_USED_LIMIT = 300
"""Tokens of one callee or type."""


class Context:
    """Describes one target after the other."""

    def __init__(self, index: SourceIndex, examples: ExampleTests, tokens: int) -> None:
        self._index = index
        self._examples = examples
        self._tokens = tokens

    def describe(self, surface: Surface, target: Target) -> dict[str, Any]:
        """Return the parts of a record's data that hold code; together they take about the budget's tokens."""
        budget = Budget(self._tokens)
        mentioned = references(target.node)
        source = clip(surface.module.text(target.first, target.last), budget.room(_SOURCE), GUTTER)
        budget.spend(source, each_line=GUTTER)
        owner = _owner(surface, target, budget)
        imports = budget.take(_imports(surface, mentioned), _IMPORTS)
        uses = budget.take(self._uses(surface, target, mentioned), _USES)
        examples = self._examples.of(surface.module.name, target)
        tests = budget.take((test.text for test in examples), _TESTS)
        fixtures = budget.take(self._examples.fixtures(examples, tests), 1)
        return {
            "source": source,
            "imports": imports,
            "owner": owner,
            "uses": uses,
            "tests": tests,
            "fixtures": fixtures,
        }

    def _uses(self, surface: Surface, target: Target, mentioned: list[str]) -> Iterator[str]:
        """Yield the source's own values, callees and types, in the order the target names them."""
        hidden = {target.node, target.owner}
        wanted = attributes(target.node)
        shown: set[str] = set()
        for reference in dict.fromkeys([*mentioned, *_of_the_class(target)]):
            found = self._index.resolve(surface, reference)
            if found is None or (found.node is not None and found.node in hidden):
                continue
            text = _shown(found, wanted)
            if found.surface is not surface:
                text = f"# from {found.surface.module.name}\n{text}"
            if text not in shown:
                shown.add(text)
                yield text


def _owner(surface: Surface, target: Target, budget: Budget) -> str:
    if target.owner is None:
        return ""
    limit = budget.room(_OWNER)
    outline = surface.outline(target.owner, limit, wanted=attributes(target.node), without=target.node)
    budget.spend(outline)
    return outline


def _imports(surface: Surface, mentioned: list[str]) -> list[str]:
    bindings = (binding for name in [*first_names(mentioned), "*"] for binding in surface.imports.get(name, ()))
    return list(dict.fromkeys(binding.line for binding in bindings))


def _of_the_class(target: Target) -> list[str]:
    """Return what an object of the target's class needs: the bases, and the types its constructor takes."""
    if target.owner is None:
        return []
    made_by = [node for node in target.owner.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
    return [
        *references(*target.owner.bases),
        *references(*(each for node in made_by for each in parameter_types(node))),
    ]


def _shown(found: Found, wanted: set[str]) -> str:
    if found.node is None:
        return found.surface.values[found.name]
    return found.surface.outline(found.node, _USED_LIMIT, wanted=wanted)
