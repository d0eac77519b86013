"""``python -m batchgen.simulator``: the simulator alone, in the foreground."""

import argparse
import asyncio
import importlib
import importlib.util
import signal
import sys
from pathlib import Path
from types import ModuleType

from batchgen.simulator.answers import AnswerScript
from batchgen.simulator.config import SimulatorConfig
from batchgen.simulator.server import Simulator

USAGE_ERROR = 2


def main(arguments: list[str] | None = None) -> int:
    """Prints its base URL on stdout when it is ready; ends on SIGTERM or SIGINT. Exit code 2: it could not start."""
    options = build_parser().parse_args(arguments)
    config = SimulatorConfig(batch_seconds=options.batch_seconds, api_key=options.api_key, seed=options.seed)
    try:
        script = None if options.script is None else load_script(options.script)
        simulator = Simulator(options.data_dir, config, script, host=options.host, port=options.port)
    except (OSError, ImportError, AttributeError, TypeError) as error:
        print(f"The simulator cannot start: {error}", file=sys.stderr)  # noqa: T201 - a command line program
        return USAGE_ERROR
    for number in (signal.SIGTERM, signal.SIGINT):  # set anew: a shell starts background jobs with SIGINT ignored
        signal.signal(number, lambda *_: simulator.exit())
    asyncio.run(simulator.serve(ready=lambda: print(simulator.base_url, flush=True)))  # noqa: T201 - the promised line
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m batchgen.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--data-dir", type=Path, required=True, help="files, batches and ledgers, kept over restarts")
    parser.add_argument("--batch-seconds", type=float, default=0.0, help="how long a batch stays in_progress")
    parser.add_argument("--api-key", help="accept only this key; default: any that does not start with sk-wrong")
    parser.add_argument("--seed", type=int, default=0, help="another order of output lines")
    parser.add_argument("--script", help="who answers: module:function or path/to/file.py[:function] (default: answer)")
    return parser


def load_script(place: str) -> AnswerScript:
    """Raises ImportError, AttributeError or OSError when it is not there, TypeError when it is no function."""
    source, _, name = place.rpartition(":") if ":" in place else (place, "", "")
    module = _module_from_file(Path(source)) if source.endswith(".py") else importlib.import_module(source)
    script: AnswerScript = getattr(module, name or "answer")
    if not callable(script):
        raise TypeError(f"{place} is not a function")
    return script


def _module_from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main())
