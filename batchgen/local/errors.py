"""What goes wrong when a server is started on this machine."""

from batchgen.errors import LocalStackError

__all__ = ["LocalStackError", "PortTakenError", "StartCalledOff"]


class PortTakenError(LocalStackError):
    """Another program took a port between the choice and the start: another port helps."""


class StartCalledOff(LocalStackError):
    """Another part failed, or the person gave up: this one goes on starting and is found by the next command."""
