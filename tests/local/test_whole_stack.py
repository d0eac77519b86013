"""All four servers at once, Prefect's included: started one time for this file, since its database takes a while."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import psutil
import pytest
from command_line import Run

from batchgen.local import EmbeddedStack, Part, StackInfo
from batchgen.local.info import SERVERS

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("whole_stack")]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def running(state: Path) -> Iterator[StackInfo]:
    stack = EmbeddedStack(state)
    yield stack.up(SERVERS)
    stack.down()


def get(url: str, **headers: str) -> tuple[int, str]:
    with urlopen(Request(url, headers=headers), timeout=20) as answer:  # noqa: S310 - a server of our own
        return answer.status, answer.read().decode()


def test_the_environment_points_at_every_part(running: StackInfo) -> None:
    given = running.environment()
    assert set(given) == {
        "REDIS_URL",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_REGION",
        "AWS_ENDPOINT_URL_S3",
        "BATCHGEN_S3_BUCKET",
        "BATCHGEN_PUBLIC_URL",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "BATCHGEN_POLL_INTERVAL_S",
        "PREFECT_API_URL",
        "PREFECT_HOME",
    }
    status, models = get(f"{given['OPENAI_BASE_URL']}/models", Authorization=f"Bearer {given['OPENAI_API_KEY']}")
    assert status == 200
    assert json.loads(models)["data"]
    assert given["BATCHGEN_PUBLIC_URL"] == f"{given['AWS_ENDPOINT_URL_S3']}/{given['BATCHGEN_S3_BUCKET']}"


def test_only_wanted_parts_are_pointed_at(running: StackInfo) -> None:
    assert set(running.only([Part.PREFECT]).environment()) == {"PREFECT_API_URL", "PREFECT_HOME"}


def test_no_secret_is_shown(running: StackInfo) -> None:
    given = running.environment()
    assert given["AWS_SECRET_ACCESS_KEY"] not in repr(running)
    assert str(urlsplit(given["REDIS_URL"]).password) not in repr(running)


@pytest.mark.parametrize("page", ["/", "/v2/", "/runs"])
def test_the_ui_loads_with_its_scripts(running: StackInfo, page: str) -> None:
    ui = running.parts[Part.PREFECT].url
    status, html = get(ui + page, Accept="text/html")
    scripts = re.findall(r'src="([^"]+\.js)"', html)
    assert status == 200
    assert scripts
    for script in scripts:
        assert get(ui + script)[0] == 200


def test_the_ui_asks_its_own_server(running: StackInfo) -> None:
    _, settings = get(f"{running.parts[Part.PREFECT].url}/ui-settings")
    assert json.loads(settings)["api_url"] == running.environment()["PREFECT_API_URL"]


def post(url: str, document: object) -> tuple[int, Any]:
    body = json.dumps(document).encode()
    request = Request(url, data=body, headers={"Content-Type": "application/json"})  # noqa: S310 - a server of our own
    try:
        with urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, None


def test_prefect_refuses_nobody_when_many_write_at_once(running: StackInfo) -> None:
    api = running.environment()["PREFECT_API_URL"]
    _, flow = post(f"{api}/flows/", {"name": "written-at-once"})

    def writes(_: int) -> list[int]:
        made, run = post(f"{api}/flow_runs/", {"flow_id": flow["id"], "state": {"type": "PENDING"}})
        states = [{"state": {"type": state}} for state in ("RUNNING", "COMPLETED")]
        return [made, *(post(f"{api}/flow_runs/{run['id']}/set_state", state)[0] for state in states)]

    with ThreadPoolExecutor(8) as writers:
        answers = [status for statuses in writers.map(writes, range(40)) for status in statuses]
    assert set(answers) <= {200, 201}


def test_prefect_keeps_everything_in_its_own_home(running: StackInfo) -> None:
    home = Path(running.environment()["PREFECT_HOME"])
    assert (home / "prefect.db").exists()
    assert (home / "ui").is_dir()


def test_nothing_listens_beyond_loopback(running: StackInfo) -> None:
    for part in running.parts.values():
        family = [leader := psutil.Process(part.pid), *leader.children(recursive=True)]
        opened = [
            connection.laddr.ip
            for process in family
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN or not connection.raddr
        ]
        assert opened, part
        assert set(opened) <= {"127.0.0.1", "::1"}, part


def test_it_is_found_as_it_was_started(running: StackInfo) -> None:
    state_dir = Path(running.environment()["PREFECT_HOME"]).parents[1]
    assert EmbeddedStack(state_dir).find() == running


def without_addresses(running: StackInfo, state: Path, patch: pytest.MonkeyPatch) -> None:
    """The environment of a user who has set nothing but where the stack lies."""
    for name in running.environment():
        patch.setenv(name, "")  # commands set them, which is to be undone
        patch.delenv(name)
    patch.setenv("BATCHGEN_STATE_DIR", str(state))


@pytest.fixture
def prompts(running: StackInfo, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A source of that user."""
    without_addresses(running, state, monkeypatch)
    source = tmp_path / "p.jsonl"
    source.write_text('{"prompt": "Name a colour."}\n', encoding="utf-8")
    return str(source)


def test_a_preview_needs_nothing_but_what_is_embedded(run: Run, prompts: str) -> None:
    previewed = run("preview", "prompt", "--source", prompts, "--json")
    assert (previewed.code, previewed.document["records"][0]["accepted"]) == (0, True)


def test_an_estimate_knows_of_the_answers_in_the_embedded_redis(
    running: StackInfo, state: Path, run: Run, prompts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run("generate", "prompt", "--source", prompts, "--approve", "--json").document
    without_addresses(running, state, monkeypatch)
    told = run("estimate", "prompt", "--source", prompts, "--json").document
    assert told["output_tokens"] == done["usage"]["output_tokens"]
