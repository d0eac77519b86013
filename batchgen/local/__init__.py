"""The embedded stack: Redis, S3, the simulator and a Prefect server for a machine that has none configured."""

from batchgen.local.errors import LocalStackError
from batchgen.local.info import Part, PartInfo, StackInfo
from batchgen.local.stack import EmbeddedStack

__all__ = ["EmbeddedStack", "LocalStackError", "Part", "PartInfo", "StackInfo"]
