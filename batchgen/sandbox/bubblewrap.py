"""The command line of bubblewrap: own namespaces, no capabilities, no environment, read-only system and source.

Started by root, a first bubblewrap shows what the sandbox may see (root alone may reach it), and a second one, under a
user id of nobody, is the sandbox: no limit on processes binds root. Options as in bubblewrap 0.8, bwrap(1).
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from batchgen.sandbox.limits import Limits

SOURCE = "/source"
"""Where the code under test lies in the sandbox."""
ENVIRONMENT = "/environment"
"""Where its Python environment lies."""
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/etc/mime.types")
_FIRST_UID, _UIDS = 61_184, 4_000
"""User ids that belong to no account (systemd's range for dynamic users, https://systemd.io/UIDS-GIDS)."""
_uids = itertools.count(os.getpid())


def find_bubblewrap() -> str | None:
    """Where the command is, or None."""
    return shutil.which("bwrap")


def command(
    bubblewrap: str, python: list[str], mounts: Mapping[str, Path], limits: Limits, environment: Mapping[str, str]
) -> list[str]:
    """The whole command that runs `python` in a sandbox; `mounts` are shown read-only at their names."""
    inside = [bubblewrap, *_isolation(limits, environment), "--", *python]
    view = [*_system(), *_read_only(mounts)]
    if os.geteuid() != 0:
        return [*inside[:1], *view, *inside[1:]]
    uid = str(_FIRST_UID + next(_uids) % _UIDS)
    drop = ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    # A change of user id forgets whose death to follow; the first one's own process namespace does not.
    stage = ["--unshare-pid", "--bind", "/proc", "/proc", "--dev", "/dev", "--dir", "/tmp", "--die-with-parent"]  # noqa: S108 - in there
    inside[1:1] = ["--ro-bind", "/", "/"]
    return [bubblewrap, *view, *stage, "--", *drop, *inside]


def _isolation(limits: Limits, environment: Mapping[str, str]) -> list[str]:
    options = ["--unshare-all", "--unshare-user", "--disable-userns", "--as-pid-1", "--cap-drop", "ALL", "--clearenv"]
    options += ["--new-session", "--die-with-parent", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox"]
    options += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    for folder in ("/tmp", "/dev/shm"):  # noqa: S108 - the sandbox's own
        options += ["--size", str(limits.disk_bytes), "--tmpfs", folder]
    for name, value in environment.items():
        options += ["--setenv", name, value]
    return [*options, "--remount-ro", "/", "--chdir", "/tmp"]  # noqa: S108 - as above


def _system() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for folder in _SYSTEM:
        if Path(folder).is_symlink():
            yield from ("--symlink", str(Path(folder).readlink()), folder)
        elif Path(folder).is_dir():
            yield from ("--ro-bind", folder, folder)
    for path in _ETC:
        if Path(path).exists():
            yield from ("--ro-bind", path, path)
    yield from _read_only({path: Path(path) for path in _interpreter()})


def _interpreter() -> list[str]:
    """The folders of this Python that are not below /usr."""
    found = {os.path.realpath(sys.base_prefix), sys.base_prefix, str(Path(sys.base_prefix).absolute())}
    return sorted(path for path in found if not Path(path).is_relative_to("/usr"))


def _read_only(mounts: Mapping[str, Path]) -> Iterator[str]:
    """Show each folder; those above it have to be made such that anybody may pass through."""
    for name, path in mounts.items():
        for above in reversed(Path(name).parents[:-1]):
            yield from ("--perms", "0755", "--dir", str(above))
        yield from ("--ro-bind", str(path), name)
