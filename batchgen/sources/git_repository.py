"""Fetches one commit of a git repository: `git+https://host/path@ref`, `git+file:///path@ref#subdirectory=folder`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import SplitResult, parse_qs, urlsplit

from batchgen.errors import SourceNotFound, Unavailable

SCHEME = "git+"
_TIME_LIMIT_S = 600
_AWAY = re.compile(
    r"could not resolve host|connection (?:refused|timed out|reset)|failed to connect|timed out|too slow"
    r"|(?:returned error:|HTTP) (?:429|5\d\d)|early EOF",
    re.IGNORECASE,
)
_SAFE = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.symlinks=false",
    "submodule.recurse=false",
    "filter.lfs.process=",
    "filter.lfs.smudge=",
    "filter.lfs.required=false",
    "safe.directory=*",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
)
"""Nothing that a repository says is run; a host that falls silent is given up."""
_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "https:file",  # wins over protocol.* in any configuration
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",  # no window asks either; credential helpers are asked
    "GIT_LFS_SKIP_SMUDGE": "1",
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True)
class GitAddress:
    """A repository, what of its history is meant, and the folder in it."""

    url: str
    ref: str
    folder: str


def parse_address(location: str) -> GitAddress:
    """Take an address apart; raises SourceNotFound for one that cannot be used."""
    parts = _split(location)
    if parts.scheme not in {"https", "file"}:
        raise SourceNotFound(source=_plain(location), problem="of git only git+https:// and git+file:// are read")
    if "@" in parts.netloc:
        problem = "it holds a user or a password: leave it out, and let git's credential helper give it"
        raise SourceNotFound(source=_plain(location), problem=problem)
    if parts.query:
        address = location.partition("?")[0]
        raise SourceNotFound(source=address, problem="what follows the `?` cannot be used")
    path, ref = parts.path, ""
    if "@" in path and not (parts.scheme == "file" and Path(path).is_dir()):
        path, _, ref = path.rpartition("@")
    folders = parse_qs(parts.fragment).get("subdirectory", [""])
    folder = folders[0]
    inside = not {"..", ".git"} & {part.casefold() for part in Path(folder).parts} and not Path(folder).is_absolute()
    if ref.startswith("-") or not inside or len(folders) > 1 or "\0" in folder:
        raise SourceNotFound(source=location, problem="its ref or its subdirectory cannot be used")
    return GitAddress(f"{parts.scheme}://{parts.netloc}{path}", ref, folder)


def _split(location: str) -> SplitResult:
    """Split the URL; of one that is none nothing is repeated, as what stands for its port may be half a password."""
    if location.isprintable():
        with suppress(ValueError):
            parts = urlsplit(location.removeprefix(SCHEME))
            if parts.port != 0:
                return parts
    raise SourceNotFound(source="git+…", problem="it is no URL of the form git+https://host/path@ref")


@contextmanager
def checked_out(location: str, work_dir: Path) -> Iterator[Path]:
    """Give the folder of a checkout, which keeps its `.git`; it is gone afterwards.

    Raises SourceNotFound for what is not there, Unavailable where the host does not answer.
    """
    address = parse_address(location)
    git = shutil.which("git")
    if git is None:
        raise SourceNotFound(source=location, problem="the command git is not installed (apt-get install git)")
    work_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="git-", dir=work_dir) as folder:
        target = Path(folder) / "repository"
        clone = ["clone", "--quiet", "--no-checkout", "--no-recurse-submodules", "--", address.url, str(target)]
        _git(git, clone, location)
        wanted = "HEAD"
        if address.ref:
            names = (f"refs/remotes/origin/{address.ref}", f"refs/tags/{address.ref}", address.ref)
            wanted = next((name for name in names if _is_commit(git, target, name)), "")
        if not wanted:
            raise SourceNotFound(source=location, problem=f"it has no branch, tag or commit {address.ref!r}")
        _git(git, ["-C", str(target), "checkout", "--quiet", "--detach", wanted, "--"], location)
        _remove_links(git, target, location)
        path = target / address.folder
        if not path.is_dir():
            raise SourceNotFound(source=location, problem=f"it has no folder {address.folder!r}")
        yield path


def _remove_links(git: str, repository: Path, location: str) -> None:
    """Delete the files that stand for links: git wrote the links' targets into them, which are no code."""
    for entry in _git(git, ["-C", str(repository), "ls-files", "-z", "--stage"], location).split("\0"):
        if entry.startswith("120000 "):
            (repository / entry.partition("\t")[2]).unlink(missing_ok=True)


def _is_commit(git: str, repository: Path, name: str) -> bool:
    command = ["-C", str(repository), "rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}"]
    return _run(git, command).returncode == 0


def _git(git: str, arguments: list[str], location: str) -> str:
    try:
        done = _run(git, arguments)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(service="The git host", problem=f"no end after {_TIME_LIMIT_S} s") from error
    if done.returncode == 0:
        return done.stdout
    problem = _cause(done.stderr) or f"git ended with {done.returncode}"
    if _AWAY.search(done.stderr):
        raise Unavailable(service="The git host", problem=problem)
    raise SourceNotFound(source=location, problem=problem)


def _cause(said: str) -> str:
    """Return the line that names the cause: the first that is called fatal; general advice follows it."""
    lines = [os.fsencode(line).decode(errors="replace").strip() for line in said.splitlines() if line.strip()]
    cause = next((line for line in lines if line.startswith("fatal: ")), lines[-1] if lines else "")
    return cause.removeprefix("fatal: ").rstrip(".")


def _run(git: str, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    options = [part for setting in _SAFE for part in ("-c", setting)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        [git, *options, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=_TIME_LIMIT_S,
        check=False,
        env=environment | _ENVIRONMENT,
    )


def _plain(location: str) -> str:
    """The address without who signs in."""
    return re.sub(r"(?<=://)[^/]*@", "", location)
