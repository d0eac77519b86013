"""What one client process used; each measures itself at its end, so that servers and runner do not count."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

POLL_INTERVAL_S = 1.0
"""How often both clients look whether a batch is done: each look costs some milliseconds of CPU."""
_MIB = 1 << 20
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of one client over `records` records."""

    records: int
    accepted: int
    """Records with a stored result at the end."""
    cpu_s: float
    """User and system time of the process with all its threads, the start of Python included."""
    wall_s: float
    peak_mib: float
    """The most memory that the process had resident."""


def measure_client(run: Callable[[Path, int], int]) -> None:
    """Be the client: take source and number of records from the command line, print the measurement as JSON.

    `run` takes both and returns how many records have a stored result.
    """
    source, records = Path(sys.argv[1]), int(sys.argv[2])
    began = time.perf_counter()
    accepted = run(source, records)
    wall_s = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    measured = Measurement(
        records=records,
        accepted=accepted,
        cpu_s=used.ru_utime + used.ru_stime,
        wall_s=wall_s,
        peak_mib=peak_mib(),
    )
    print(json.dumps(asdict(measured)))


def peak_mib() -> float:
    """The most memory that this process had resident, so far."""
    return _peak_bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / _MIB


def _peak_bytes(max_rss: int) -> int:
    """On Linux the kernel's mark for this program: `ru_maxrss` begins with the size of the process that started it."""
    if not _STATUS.exists():
        return max_rss  # macOS counts it in bytes
    mark = next(line for line in _STATUS.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
    return int(mark.split()[1]) * 1024
