"""What runs: the values that the stack hands out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType


class Part(StrEnum):
    """A server of the embedded stack."""

    REDIS = "redis"
    """Where statuses are kept."""
    S3 = "s3"
    """Where inputs, results and manifests are kept."""
    SIMULATOR = "simulator"
    """Answers in OpenAI's place, at no cost."""
    PREFECT = "prefect"
    """Runs the flows and shows them in its UI."""
    WORKER = "worker"
    """Runs what is deployed there; started only where it is asked for."""


SERVERS = (Part.REDIS, Part.S3, Part.SIMULATOR, Part.PREFECT)
"""The parts that a variable can name elsewhere, and that are embedded where none does."""


@dataclass(frozen=True)
class PartInfo:
    """One running server."""

    part: Part
    pid: int
    url: str
    """For people to read: without a password. Prefect's opens in a browser."""
    log: Path
    environment: Mapping[str, str] = field(repr=False)
    """The variables that point batchgen and Prefect at this server; secrets among them."""


@dataclass(frozen=True)
class StackInfo:
    """What runs of the embedded stack."""

    parts: Mapping[Part, PartInfo] = field(default_factory=lambda: MappingProxyType({}))

    def environment(self) -> dict[str, str]:
        """The variables of all its parts, secrets included; for a program that shall use this stack."""
        return {name: value for info in self.parts.values() for name, value in info.environment.items()}

    def only(self, parts: Collection[Part]) -> "StackInfo":
        """The same without the other parts."""
        return StackInfo({part: info for part, info in self.parts.items() if part in parts})
