"""Calls that no test of one function needs: they end or leave the process, reach the network, or look into the runner.

The sandbox holds without this list; it saves the run, and says in words what is wrong. What is under test itself may be
called (the tests of a package `subprocess` call it).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

_MODULES = {
    "os": "_exit abort kill killpg fork forkpty system popen setsid ptrace posix_spawn posix_spawnp "
    "execl execle execlp execlpe execv execve execvp execvpe spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp",
    "subprocess": "run Popen call check_call check_output getoutput getstatusoutput",
    "asyncio": "create_subprocess_exec create_subprocess_shell open_connection start_server",
    "sys": "_getframe _current_frames settrace setprofile",
    "inspect": "currentframe stack trace",
    "gc": "get_objects get_referrers get_referents",
    "signal": "alarm signal raise_signal setitimer pthread_kill",
    "socket": "socket create_connection create_server",
    "urllib.request": "urlopen urlretrieve",
    "http.client": "HTTPConnection HTTPSConnection",
    "requests": "get post put patch delete head options request Session",
    "httpx": "get post put patch delete head options request Client AsyncClient stream",
    "smtplib": "SMTP SMTP_SSL",
    "ftplib": "FTP FTP_TLS",
    "pytest": "main exit",
}
FORBIDDEN_CALLS = frozenset(f"{module}.{name}" for module, names in _MODULES.items() for name in names.split())
_FORBIDDEN_IMPORTS = frozenset(
    {"ctypes", "coverage", "pluggy", "faulthandler", "multiprocessing.util"}
    | {f"_pytest.{name}" for name in ("config", "hookspec", "main", "reports", "runner", "terminal")}
)
_RUNNER_ATTRIBUTES = frozenset({"pluginmanager", "_pytest"})
_RUNNER_TEXT = re.compile(
    r"_pytest(?:\.\w+)*$"
    r"|pytest_(?:plugins|\w*_(?:call|makereport|logreport|protocol|setup|teardown))$"
)
_EXITS = frozenset({"exit", "quit"})


def forbidden(tree: ast.AST, bound: dict[str, set[str]], under_test: str) -> str:
    """Return what a part of a file calls or imports that it must not, or nothing.

    `bound` maps the names that the file imports to what they stand for; `under_test` is the target's module.
    """
    top = under_test.partition(".")[0]
    for node in ast.walk(tree):
        for name in _mentioned(node, bound):
            if name.partition(".")[0] != top and _is_forbidden(name):
                return name
    return ""


def _is_forbidden(name: str) -> bool:
    return (
        name in {*FORBIDDEN_CALLS, "_pytest"}
        or any(_below(name, module) for module in _FORBIDDEN_IMPORTS)
        or name in _EXITS
    )


def _below(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def _mentioned(node: ast.AST, bound: dict[str, set[str]]) -> Iterable[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names] if node.module and not node.level else []
    if _is_of_the_runner(node) or (isinstance(node, ast.Attribute) and node.attr in _RUNNER_ATTRIBUTES):
        return ["_pytest"]
    return _called(node, bound) if isinstance(node, ast.Call) else []


def _is_of_the_runner(node: ast.AST) -> bool:
    """Tell whether it defines or names a hook or a plugin of pytest, or a module of its insides, be it by text."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name.startswith("pytest_")
    if isinstance(node, ast.Name):
        return isinstance(node.ctx, ast.Store) and node.id.startswith("pytest_")
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(_RUNNER_TEXT.match(node.value))


def _called(node: ast.Call, bound: dict[str, set[str]]) -> list[str]:
    first, *rest = _chain(node.func)
    if not rest and first in _EXITS and first not in bound:
        return [first]
    return [".".join([dotted, *rest]) for dotted in bound.get(first, ())]


def _chain(node: ast.expr) -> list[str]:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "")
    return parts[::-1]
