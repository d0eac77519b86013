"""Small real pytest tests for a prompt that names a Python target: they call it, and what they assert is true of any
target that does not depend on chance.

The prompt holds a line ``Target: <path>:<qualified name> lines <first>-<last>``, optionally ``Module: <dotted name>``,
and may show the target's source, from which its parameters are read.
"""

import ast
import re
import textwrap
from dataclasses import dataclass

from batchgen.simulator.sample_arguments import Function, arguments

TARGET = re.compile(
    r"^Target: (?P<path>.+?):(?P<name>[\w.<>]+) lines (?P<first>\d+)-(?P<last>\d+)[ \t]*$", re.MULTILINE
)
MODULE = re.compile(r"^Module: (?P<module>[\w.]+)[ \t]*$", re.MULTILINE)
GUTTER = re.compile(r"^ *\d+\| ?")
FENCE = re.compile(r"^(?P<fence>`{3,}|~{3,})[^\n]*\n(?P<code>.*?)^(?P=fence)", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"^ *\d+\|(?: |$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Target:
    module: str
    name: str

    @property
    def top(self) -> str:
        """What is imported: ``JSONDecoder`` of ``JSONDecoder.decode``."""
        return self.name.split(".")[0]

    @property
    def last(self) -> str:
        return self.name.split(".")[-1]

    @property
    def test_name(self) -> str:
        return "test_" + re.sub(r"\W+", "_", self.name).strip("_")


OUTCOME = '''
def outcome(call):
    """The type of what a call gives, or of what it raises."""
    try:
        result = call()
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
        if inspect.isgenerator(result):
            result = next(result, None)
    except Exception as error:
        result = error
    return type(result).__name__
'''


def generated_test(prompt: str) -> str | None:
    """The test module's code, or None when the prompt names no target."""
    if "Target: " not in prompt:
        return None
    found = TARGET.search(prompt)
    if found is None:
        return None
    named = MODULE.search(prompt)
    target = Target(named["module"] if named else _module_of(found["path"]), found["name"])
    import_line = f"from {target.module} import {target.top}"
    calls = _calls(target, _source_node(prompt, target))
    if not calls:
        return "\n".join(
            [import_line, *_test(f"{target.test_name}_is_defined", f"assert {target.name} is not None"), ""]
        )
    lines = ["import asyncio", "import inspect", "", import_line, "", *OUTCOME.rstrip().split("\n")]
    for number, call in enumerate(dict.fromkeys(calls)):
        name = f"{target.test_name}_answers_the_same_twice" + (f"_{number + 1}" if number else "")
        lines += _test(
            name,
            f"first = outcome(lambda: {call})",
            f"assert first == outcome(lambda: {call})",
            'assert first != "RuntimeError"',
        )
    return "\n".join([*lines, ""])


def _module_of(path: str) -> str:
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    return ".".join(part for part in parts if part not in {"", "."})


def _test(name: str, *body: str) -> list[str]:
    return ["", "", f"def {name}():", *(f"    {line}" for line in body)]


def _calls(target: Target, node: ast.AST | None) -> list[str]:
    """Expressions that call the target, as far as its shown source tells how."""
    if isinstance(node, ast.ClassDef):
        return _class_calls(target, node)
    return _function_calls(target.name, node) if isinstance(node, Function) else []


def _class_calls(target: Target, node: ast.ClassDef) -> list[str]:
    methods = {item.name: item for item in node.body if isinstance(item, Function)}
    if "__init__" in methods:
        return [f"{target.name}({given})" for given in arguments(methods["__init__"], skip=1)]
    first = next(iter(methods.values()), None)
    if first is not None:
        return _function_calls(f"{target.name}.{first.name}", first)
    return [f"{target.name}.{name}" for name in _field_names(node)[:1]] or [f"{target.name}()"]


def _field_names(node: ast.ClassDef) -> list[str]:
    """Values that a class holds, such as the members of an enum."""
    targets = [target for item in node.body if isinstance(item, ast.Assign) for target in item.targets]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _function_calls(name: str, node: Function) -> list[str]:
    """Calls of a function, or of a method on an instance that was never initialised: most end in a clear error."""
    owner, _, last = name.rpartition(".")
    if not owner:
        return [f"{name}({given})" for given in arguments(node)]
    decorators = {ast.unparse(item).rpartition(".")[2].partition("(")[0] for item in node.decorator_list}
    found = f'inspect.getattr_static({owner}, "{last}")'
    instance = f"{owner}.__new__({owner})"
    if "staticmethod" in decorators:
        return [f"{name}({given})" for given in arguments(node)]
    if "classmethod" in decorators or last in {"__init_subclass__", "__class_getitem__"}:
        return [f"{name}({given})" for given in arguments(node, skip=1)]
    if last == "__new__":
        return [f"{name}({owner}, {given})" for given in arguments(node, skip=1)]
    for decorator, function in (("property", "fget"), ("cached_property", "func"), ("setter", "fset")):
        if decorator in decorators:
            return [f"{found}.{function}({instance}, {given})" for given in arguments(node, skip=1)]
    return [f"{name}({instance}, {given})" for given in arguments(node, skip=1)]


def _source_node(prompt: str, target: Target) -> ast.AST | None:
    """The definition of the target, from a fenced block of the prompt or from its indented text."""
    prompt = NUMBER.sub("", prompt)  # code may be shown with its line numbers: `12| x = 1`
    blocks = [match["code"] for match in FENCE.finditer(prompt)]
    start = re.search(rf"^[ \t]*(?:async def|def|class) {re.escape(target.last)}\b", prompt, re.MULTILINE)
    if start is not None:
        blocks.append(_indented_block(prompt[start.start() :]))
    for block in blocks:
        node = _definition(block, target)
        if node is not None:
            return node
    return None


def _indented_block(text: str) -> str:
    """The first definition of ``text``: its line and all that is indented deeper."""
    lines = text.splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    taken = [lines[0]]
    for line in lines[1:]:
        if line.strip() and len(line) - len(line.lstrip()) <= indent and not line.lstrip().startswith(")"):
            break
        taken.append(line)
    return "\n".join(taken)


def _definition(code: str, target: Target) -> ast.AST | None:
    if all(map(GUTTER.match, code.rstrip("\n").split("\n"))):  # the prompt numbers the lines
        code = "\n".join(GUTTER.sub("", line) for line in code.split("\n"))
    try:
        tree = ast.parse(textwrap.dedent(code))
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef) and node.name == target.last:
            return node
    return None
