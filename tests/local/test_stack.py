"""The embedded stack as the command line uses it: once up, found by all, gone after down."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from local_waiting import wait_until

from batchgen.local import EmbeddedStack, LocalStackError, Part, StackInfo, processes, redis_server, s3_server
from batchgen.local.ports import HOST

FAST = (Part.REDIS, Part.S3, Part.SIMULATOR)
BRING_UP = (
    "import pathlib, sys; from batchgen.local import EmbeddedStack, Part\n"
    "info = EmbeddedStack(pathlib.Path(sys.argv[1])).up([Part(name) for name in sys.argv[2:]])\n"
    "print(*(info.parts[part].pid for part in info.parts))\n"
)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[EmbeddedStack]:
    stack = EmbeddedStack(tmp_path)
    yield stack
    stack.down()


def pids(info: StackInfo | None) -> dict[Part, int]:
    assert info is not None
    return {part: running.pid for part, running in info.parts.items()}


def s3_of(info: StackInfo) -> s3_server.S3Access:
    given = info.environment()
    return s3_server.S3Access(given["AWS_ENDPOINT_URL_S3"], given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"])


def without_ports(info: StackInfo) -> dict[str, str]:
    """The addresses and secrets; another program may have taken a port while nothing listened there."""
    return {name: re.sub(r":\d+\b", ":port", value) for name, value in info.environment().items()}


def servers_in(folder: Path) -> list[str]:
    """Command lines of processes that work in a folder, whoever started them."""
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(folder) in line]


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_nothing_runs_at_first(stack: EmbeddedStack) -> None:
    assert stack.find() is None
    assert stack.down() == []


def test_two_commands_at_once_make_one_stack(tmp_path: Path, stack: EmbeddedStack) -> None:
    command = [sys.executable, "-c", BRING_UP, str(tmp_path), *FAST]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = {process.communicate(timeout=60)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert printed == {" ".join(str(pid) for pid in pids(stack.find()).values()) + "\n"}


def test_up_again_finds_what_runs_and_adds_what_is_missing(stack: EmbeddedStack) -> None:
    first = stack.up([Part.REDIS])
    assert set(first.environment()) == {"REDIS_URL"}
    second = stack.up([Part.REDIS, Part.SIMULATOR])
    assert second.parts[Part.REDIS] == first.parts[Part.REDIS]
    assert pids(stack.find()) == pids(second)


def test_data_outlives_kills_and_a_new_start(stack: EmbeddedStack) -> None:
    first = stack.up(FAST)
    with redis.Redis.from_url(first.environment()["REDIS_URL"]) as client:
        client.set("kept", "yes")
        client.execute_command("WAITAOF", 1, 0, 5000)
    s3_of(first).client().put_object(Bucket="batchgen", Key="batch/kept", Body=b"yes")
    for pid in pids(first).values():
        kill(pid)
    assert stack.find() is None

    after_kill = stack.up(FAST)
    stack.down()
    after_down = stack.up(FAST)

    assert without_ports(first) == without_ports(after_kill) == without_ports(after_down)
    assert not set(pids(first).values()) & set(pids(after_down).values())
    with redis.Redis.from_url(after_down.environment()["REDIS_URL"]) as client:
        assert client.get("kept") == b"yes"
    stored = s3_of(after_down).client().get_object(Bucket="batchgen", Key="batch/kept")
    assert stored["Body"].read() == b"yes"


def test_down_leaves_no_process(stack: EmbeddedStack, tmp_path: Path) -> None:
    running = pids(stack.up(FAST))
    assert sorted(stack.down()) == sorted(FAST)
    assert not any(psutil.pid_exists(pid) for pid in running.values())
    assert servers_in(tmp_path) == []
    assert stack.down() == []


def test_a_port_taken_in_between_is_replaced(stack: EmbeddedStack) -> None:
    before = stack.up([Part.REDIS])
    stack.down()
    port = int(before.parts[Part.REDIS].url.rpartition(":")[2].partition("/")[0])
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((HOST, port))
        other.listen()
        after = stack.up([Part.REDIS])
    assert after.parts[Part.REDIS].url != before.parts[Part.REDIS].url


def test_a_command_that_is_killed_while_it_starts_leaves_nothing_untracked(
    stack: EmbeddedStack, tmp_path: Path
) -> None:
    state = tmp_path / "stack" / "stack.json"
    starter = subprocess.Popen([sys.executable, "-c", BRING_UP, str(tmp_path), Part.S3], stdout=subprocess.DEVNULL)
    log = tmp_path / "stack" / "logs" / "s3.log"
    wait_until(lambda: log.exists() and log.stat().st_size)  # it runs, it does not answer yet
    starter.kill()
    starter.wait()
    recorded = json.loads(state.read_text())["parts"]["s3"]["process"]["pid"]
    assert pids(stack.up([Part.S3])) == {Part.S3: recorded}


def test_after_a_reboot_a_stranger_with_the_pid_is_left_alone(stack: EmbeddedStack, tmp_path: Path) -> None:
    stack.up([Part.REDIS])
    stack.down()
    state = tmp_path / "stack" / "stack.json"
    document = json.loads(state.read_text())
    stranger = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    document["parts"]["redis"]["process"] = {"pid": stranger.pid, "started": 1.0, "token": "before the reboot"}
    state.write_text(json.dumps(document))

    assert stack.find() is None
    running = stack.up([Part.REDIS])
    assert running.parts[Part.REDIS].pid != stranger.pid
    stack.down()
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_server_that_hangs_is_replaced(stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stack.up([Part.REDIS]).parts[Part.REDIS].pid
    os.kill(before, signal.SIGSTOP)
    for patience in ("START_WITHIN_S", "STOP_WITHIN_S", "PING_WITHIN_S"):
        monkeypatch.setattr(redis_server, patience, 0.5)
    after = stack.up([Part.REDIS]).parts[Part.REDIS].pid
    assert after != before
    assert not psutil.pid_exists(before)


def test_a_server_that_does_not_start_is_reported_and_forgotten(stack: EmbeddedStack, tmp_path: Path) -> None:
    (tmp_path / "stack" / "redis").mkdir(parents=True)
    (tmp_path / "stack" / "redis" / "appendonlydir").write_text("in the way")
    with pytest.raises(LocalStackError, match=r"Redis ended while it started \(log: .*redis.log\)\. Set REDIS_URL"):
        stack.up([Part.REDIS])
    assert stack.find() is None
    assert stack.down() == []


def test_a_server_that_never_answers_is_reported_and_stopped(
    stack: EmbeddedStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_server, "START_WITHIN_S", 0.2)
    monkeypatch.setattr(redis_server, "_pings", lambda *_: False)
    with pytest.raises(LocalStackError, match=r"Redis does not answer after 0\.2 s"):
        stack.up([Part.REDIS])
    assert servers_in(tmp_path) == []


def test_what_is_written_is_for_this_user_alone(stack: EmbeddedStack, tmp_path: Path) -> None:
    info = stack.up([Part.REDIS])
    password = info.environment()["REDIS_URL"].partition("@")[0].rpartition(":")[2]
    assert password not in repr(info)
    assert (tmp_path / "stack").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "stack" / "stack.json").stat().st_mode & 0o777 == 0o600


def test_an_unreadable_state_file_is_named(stack: EmbeddedStack, tmp_path: Path) -> None:
    (tmp_path / "stack").mkdir()
    state = tmp_path / "stack" / "stack.json"
    state.write_text('{"parts": {"redis": 7}}')
    with pytest.raises(LocalStackError, match=r"stack\.json cannot be read .* delete it"):
        stack.find()
    state.unlink()


def test_windows_is_told_which_variables_to_set(stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(LocalStackError, match=r"Set REDIS_URL, BATCHGEN_S3_BUCKET .* and PREFECT_API_URL"):
        stack.up(FAST)


def test_progress_names_each_part(stack: EmbeddedStack) -> None:
    lines: list[str] = []
    stack.up([Part.REDIS, Part.SIMULATOR], lines.append)
    assert sorted(line.partition(" is ready after ")[0] for line in lines) == ["Redis", "The simulator"]


def test_the_records_of_a_stopped_stack_hold_no_process(stack: EmbeddedStack, tmp_path: Path) -> None:
    running = stack.up([Part.REDIS]).parts[Part.REDIS]
    stack.down()
    document = json.loads((tmp_path / "stack" / "stack.json").read_text())
    assert document["parts"]["redis"]["process"] is None
    assert not processes.is_running(processes.OwnedProcess(running.pid, 0.0, ""))
