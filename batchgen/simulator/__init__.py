"""An OpenAI-compatible server with scripted answers and faults, for local runs and tests.

It stands alone: nothing here imports the rest of batchgen. The names load on first use, so that importing the
package costs nothing to those who only want its path.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchgen.simulator.answers import Answer, AnswerRequest, AnswerScript
    from batchgen.simulator.config import SimulatorConfig
    from batchgen.simulator.control_client import SimulatorControl
    from batchgen.simulator.default_answers import default_script
    from batchgen.simulator.server import SimulatorServer

_HOME = {
    "Answer": "answers",
    "AnswerRequest": "answers",
    "AnswerScript": "answers",
    "SimulatorConfig": "config",
    "SimulatorControl": "control_client",
    "SimulatorServer": "server",
    "default_script": "default_answers",
}

__all__ = [
    "Answer",
    "AnswerRequest",
    "AnswerScript",
    "SimulatorConfig",
    "SimulatorControl",
    "SimulatorServer",
    "default_script",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
