"""Runs code that a model wrote, and nobody has read, where it can do no harm; or not at all."""

from batchgen.sandbox.cache_folder import CacheFolder, readable
from batchgen.sandbox.environment import prepare_environment
from batchgen.sandbox.limits import Limits
from batchgen.sandbox.sandbox import Sandbox, SandboxState, probe
from batchgen.sandbox.session import Failure, Run, RunReport, Session, TestRun, base_id

__all__ = [
    "CacheFolder",
    "Failure",
    "Limits",
    "Run",
    "RunReport",
    "Sandbox",
    "SandboxState",
    "Session",
    "TestRun",
    "base_id",
    "prepare_environment",
    "probe",
    "readable",
]
