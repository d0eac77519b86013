"""``python -m batchgen.simulator`` as a process, and what importing the package costs."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from openai import OpenAI

import batchgen.simulator as package
from batchgen.simulator import SimulatorControl

from .lab import Lab

COMMAND = [sys.executable, "-W", "error", "-m", "batchgen.simulator"]


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running simulator and its base URL."""
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True) as started:
        try:
            assert started.stdout is not None
            yield started, started.stdout.readline().strip()
        finally:
            started.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    arguments = ("--data-dir", str(tmp_path), "--api-key", "only-me", "--batch-seconds", "60")
    with process(*arguments) as (running, base_url), OpenAI(base_url=base_url, api_key="only-me") as client:
        assert base_url.startswith("http://127.0.0.1:")
        assert base_url.endswith("/v1")
        assert client.models.list().data
        assert SimulatorControl(base_url).config()["batch_seconds"] == 60
        running.send_signal(number)
        assert running.wait(timeout=10) == 0
        assert running.stdout is not None
        assert running.stdout.read() == ""


@pytest.mark.parametrize("name", ["script.py", "script.py:answer"])
def test_a_script_can_come_from_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "script.py").write_text(
        "from batchgen.simulator import Answer\n\ndef answer(request):\n    return Answer('from ' + request.model)\n"
    )
    arguments = ("--data-dir", str(tmp_path / "data"), "--script", str(tmp_path / name))
    with process(*arguments) as (_, base_url), OpenAI(base_url=base_url, api_key="k") as client:
        assert client.responses.create(model="gpt-4o", input="x").output_text == "from gpt-4o"


@pytest.mark.parametrize(
    "script", ["nowhere:answer", "nowhere.py", "batchgen.simulator:nothing", "batchgen.simulator:__doc__"]
)
def test_a_script_that_is_not_there_is_said_in_one_line(tmp_path: Path, script: str) -> None:
    ended = subprocess.run(
        [*COMMAND, "--data-dir", str(tmp_path), "--script", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("The simulator cannot start: ")
    assert ended.stderr.count("\n") == 1


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path, lab: Lab) -> None:
    port = lab.base_url.split(":")[2].split("/")[0]
    ended = subprocess.run(
        [*COMMAND, "--data-dir", str(tmp_path), "--port", port], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "in use" in ended.stderr


def test_a_file_of_200_mb_goes_in_and_out_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    with path.open("wb") as opened:
        for _ in range(200):
            opened.write(b'{"a": "b"}\n' * 95_325)  # 1 MiB
    with (
        process("--data-dir", str(tmp_path / "data")) as (running, base_url),
        OpenAI(base_url=base_url, api_key="k") as client,
    ):
        client.models.list()
        process_info = psutil.Process(running.pid)
        before = process_info.memory_info().rss
        with path.open("rb") as opened:
            stored = client.files.create(file=opened, purpose="batch")
        with client.files.with_streaming_response.content(stored.id) as response:
            received = sum(len(chunk) for chunk in response.iter_bytes(1_048_576))
        assert received == path.stat().st_size > 200_000_000
        assert process_info.memory_info().rss - before < 30_000_000


def test_importing_the_package_loads_no_server() -> None:
    code = "import sys, batchgen.simulator; print([name for name in ('starlette', 'uvicorn') if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_what_the_package_promises_is_there() -> None:
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        package.nothing  # noqa: B018 - the access is the test
