"""Sources: whatever address a user gives, opened as a local file or folder and read as a stream of rows."""

from batchgen.sources.opening import open_source

__all__ = ["open_source"]
