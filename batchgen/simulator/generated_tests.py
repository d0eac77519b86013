"""A small real pytest test for a prompt that names a Python target; what it asserts is true of the target.

The prompt holds a line ``Target: <path>:<qualified name> lines <first>-<last>``, optionally ``Module: <dotted name>``,
and may show the target's source, from which its parameters are read.
"""

import ast
import importlib
import importlib.util
import re
import sys
import textwrap
from dataclasses import dataclass

TARGET = re.compile(
    r"^Target: (?P<path>.+?):(?P<name>[\w.<>]+) lines (?P<first>\d+)-(?P<last>\d+)[ \t]*$", re.MULTILINE
)
MODULE = re.compile(r"^Module: (?P<module>[\w.]+)[ \t]*$", re.MULTILINE)
FENCE = re.compile(r"^(?P<fence>`{3,}|~{3,})[^\n]*\n(?P<code>.*?)^(?P=fence)", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"^ *\d+\|(?: |$)", re.MULTILINE)

Function = ast.FunctionDef | ast.AsyncFunctionDef


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


def generated_test(prompt: str) -> str | None:
    """The test module's code, or None when the prompt names no target."""
    if "Target: " not in prompt:
        return None
    found = TARGET.search(prompt)
    if found is None:
        return None
    named = MODULE.search(prompt)
    target = Target(named["module"] if named else _module_of(found["path"]), found["name"])
    imports, tests = ["import inspect"], _tests(target, _source_node(prompt, target))
    if not any("inspect." in line for line in tests):
        imports = []
    head = [*imports, "", f"from {target.module} import {target.top}"] if imports else _import_only(target)
    return "\n".join([*head, *tests]) + "\n"


def _import_only(target: Target) -> list[str]:
    return [f"from {target.module} import {target.top}"]


def _module_of(path: str) -> str:
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    return ".".join(part for part in parts if part not in {"", "."})


def _tests(target: Target, node: ast.AST | None) -> list[str]:
    if isinstance(node, ast.ClassDef):
        return _class_tests(target, node)
    if isinstance(node, Function) and not node.decorator_list:
        return _function_tests(target, node)
    decorators = {ast.unparse(item) for item in getattr(node, "decorator_list", ())}
    name = f"{target.test_name}_is_defined"
    if decorators & {"classmethod", "staticmethod"}:
        return _test(name, f"assert callable({target.name})")
    owner, _, last = target.name.rpartition(".")
    if owner and any(re.search("DynamicClassAttribute|enum", text) for text in decorators):  # raise on the class
        return _test(name, f'assert inspect.getattr_static({owner}, "{last}") is not None')
    return _test(name, f"assert {target.name} is not None")


def _test(name: str, *body: str) -> list[str]:
    return ["", "", f"def {name}():", *(f"    {line}" for line in body)]


def _class_tests(target: Target, node: ast.ClassDef) -> list[str]:
    tests = _test(
        f"{target.test_name}_is_a_class",
        f"assert isinstance({target.name}, type)",
        f'assert {target.name}.__name__ == "{target.last}"',
    )
    methods = [
        item.name
        for item in node.body
        if isinstance(item, Function) and not item.decorator_list and not item.name.startswith("_")
    ]
    if methods:
        lines = [f"assert callable({target.name}.{method})" for method in dict.fromkeys(methods)]
        tests += _test(f"{target.test_name}_has_its_methods", *lines)
    return tests


def _function_tests(target: Target, node: Function) -> list[str]:
    tests = _test(
        f"{target.test_name}_is_callable",
        f"assert callable({target.name})",
        f'assert {target.name}.__name__ == "{target.last}"',
    )
    if _has_accelerator(target) or _is_implicit(target):
        return tests
    names = [item.arg for item in (*node.args.posonlyargs, *node.args.args)]
    names += [item.arg for item in (node.args.vararg, *node.args.kwonlyargs, node.args.kwarg) if item is not None]
    if any(name.startswith("__") for name in names):  # the compiler mangles them inside a class
        return tests
    listed = ", ".join(f'"{name}"' for name in names)
    return tests + _test(
        f"{target.test_name}_takes_its_parameters",
        f"parameters = list(inspect.signature({target.name}).parameters)",
        f"assert parameters == [{listed}]",
    )


def _is_implicit(target: Target) -> bool:
    """Python makes these a static or class method without a decorator."""
    return target.last in {"__init_subclass__", "__class_getitem__"}


def _has_accelerator(target: Target) -> bool:
    """Whether the standard library replaces the target by one in C, whose signature may be unknown."""
    parts = target.module.split(".")
    if parts[0] not in sys.stdlib_module_names:
        return False
    names = [name for name in (f"_{parts[-1]}", f"_{parts[0]}") if name in sys.stdlib_module_names]
    found = [importlib.import_module(name) for name in names if importlib.util.find_spec(name) is not None]
    return any(hasattr(module, target.top) for module in found)


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
    try:
        tree = ast.parse(textwrap.dedent(code))
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef) and node.name == target.last:
            return node
    return None
