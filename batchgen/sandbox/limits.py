"""How much of the machine untrusted code may use."""

from __future__ import annotations

from dataclasses import asdict, dataclass

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one sandbox. Times are given with each run."""

    memory_bytes: int = 2048 * _MIB
    """Address space of each process."""
    total_memory_bytes: int = 1024 * _MIB
    """Resident memory of all processes together."""
    processes: int = 64
    open_files: int = 256
    file_bytes: int = 32 * _MIB
    """Size of one file."""
    disk_bytes: int = 64 * _MIB
    """Size of the writable file system, which lies in memory."""
    output_bytes: int = 4 * _MIB
    """What a run may print."""
    shown_output_bytes: int = 4_000
    """The end of it, which is kept."""
    report_bytes: int = 4 * _MIB
    """What a run may report."""

    def message(self) -> dict[str, int]:
        """The limits as the runner takes them."""
        return asdict(self)


DEFAULT_LIMITS = Limits()
