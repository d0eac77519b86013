"""Creating batches once, finding them again, and following many by few calls."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batchgen.errors import AccessDenied, CreateInDoubt, RequestRefused, Unavailable
from batchgen.models import Endpoint
from batchgen.openai_client.batch_api import BatchApi
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.manager import OpenAIClientManager
from batchgen.simulator import SimulatorControl, SimulatorServer

from .requests_files import LONG_AGO, ended, requests_file, started

METADATA = {"batchgen_batch": "job-0001", "batchgen_iteration": "1", "batchgen_send": "1"}


def asks(control: SimulatorControl) -> dict[str, int]:
    """How often each operation was asked for since the last reset."""
    return {name: counted["total"] for name, counted in control.requests().items() if counted["total"]}


def test_a_batch_is_made_with_its_metadata(api: BatchApi, tmp_path: Path) -> None:
    file_id = api.upload(requests_file(tmp_path), "job-0001.1.jsonl")
    made = api.create(file_id, Endpoint.CHAT, METADATA)
    assert made.metadata == METADATA
    assert abs(made.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert ended(api, made).completed_requests == 2


@pytest.mark.parametrize("fault", ["drop_answer", "error"])
def test_a_lost_answer_to_create_is_a_doubt_and_the_batch_is_there_once(
    api: BatchApi, control: SimulatorControl, tmp_path: Path, fault: str
) -> None:
    file_id = api.upload(requests_file(tmp_path), "x.jsonl")
    control.fault("batches.create", fault)
    with pytest.raises(CreateInDoubt) as raised:
        api.create(file_id, Endpoint.CHAT, METADATA)
    assert asks(control)["batches.create"] == 1
    assert len(str(raised.value).splitlines()) == 1
    found = api.find(METADATA, since=LONG_AGO)
    assert (found is not None) == (fault == "drop_answer")


@pytest.mark.parametrize("status", [408, 409, 500, 503])
def test_a_server_error_to_create_is_a_doubt(
    api: BatchApi, control: SimulatorControl, tmp_path: Path, status: int
) -> None:
    file_id = api.upload(requests_file(tmp_path), "x.jsonl")
    control.fault("batches.create", "error", status=status, message="try\nlater", times="always")
    with pytest.raises(CreateInDoubt, match=f"{status}: try later"):
        api.create(file_id, Endpoint.CHAT, METADATA)
    assert asks(control)["batches.create"] == 1


def test_a_quota_refusal_of_create_is_waited_for(api: BatchApi, control: SimulatorControl, tmp_path: Path) -> None:
    file_id = api.upload(requests_file(tmp_path), "x.jsonl")
    control.fault("batches.create", "error", status=429, code="token_limit_exceeded", retry_after=7)
    with pytest.raises(Unavailable, match=r"batches\.create answered 429") as raised:
        api.create(file_id, Endpoint.CHAT, METADATA)
    assert (raised.value.retry_after_s, raised.value.answers) == (7, True)
    assert asks(control)["batches.create"] == 1


def test_a_file_that_is_gone_refuses_the_batch(api: BatchApi) -> None:
    with pytest.raises(RequestRefused, match=r"batches\.create \(4") as raised:
        api.create("file-nothing", Endpoint.CHAT, METADATA)
    assert raised.value.status in {400, 404}


def test_a_batch_is_found_by_exactly_its_metadata(api: BatchApi, tmp_path: Path) -> None:
    file_id = api.upload(requests_file(tmp_path), "x.jsonl")
    made = {
        send: api.create(file_id, Endpoint.CHAT, METADATA | {"batchgen_send": send} | more)
        for send, more in {"1": {}, "2": {}, "3": {"other": "x"}}.items()
    }
    found = api.find(METADATA, since=LONG_AGO)
    assert found is not None
    assert found.id == made["1"].id
    assert api.find(METADATA | {"batchgen_send": "3"}, since=LONG_AGO) is None
    assert api.find({}, since=LONG_AGO) is None


def test_a_batch_from_before_the_send_is_not_taken_for_it(api: BatchApi, tmp_path: Path) -> None:
    started(api, tmp_path)
    wanted = {"batchgen_batch": "job-0001"}
    assert api.find(wanted, since=datetime.now(UTC) + timedelta(hours=23)) is not None  # clocks differ
    assert api.find(wanted, since=datetime.now(UTC) + timedelta(hours=25)) is None


def test_many_batches_are_followed_by_one_call(api: BatchApi, control: SimulatorControl, tmp_path: Path) -> None:
    batches = [started(api, tmp_path, f"job-{number:04d}") for number in range(20)]
    for batch in batches:
        ended(api, batch)
    before = asks(control)
    wanted = {batch.id: batch.created_at for batch in batches[:15]}
    found = list(api.follow(wanted))
    after = asks(control)
    assert {batch.id for batch in found} == wanted.keys()
    assert {batch.status for batch in found} == {"completed"}
    assert after["batches.list"] - before.get("batches.list", 0) == 1
    assert after["batches.retrieve"] == before["batches.retrieve"]


def test_a_sweep_goes_beyond_one_page_and_ends_at_the_oldest_wanted(
    api: BatchApi, control: SimulatorControl, tmp_path: Path
) -> None:
    file_id = api.upload(requests_file(tmp_path, 1), "x.jsonl")
    batches = [api.create(file_id, Endpoint.CHAT, {"number": str(number)}) for number in range(103)]
    wanted = {batch.id: batch.created_at for batch in (batches[0], batches[-1])}
    assert {batch.id for batch in api.follow(wanted)} == wanted.keys()
    assert asks(control)["batches.list"] == 2


def test_one_batch_is_asked_for_by_its_id(api: BatchApi, control: SimulatorControl, tmp_path: Path) -> None:
    batch = started(api, tmp_path)
    assert [found.id for found in api.follow({batch.id: batch.created_at})] == [batch.id]
    assert "batches.list" not in asks(control)


def test_a_batch_that_the_list_does_not_show_is_asked_for(
    api: BatchApi, control: SimulatorControl, tmp_path: Path
) -> None:
    control.fault("batches.run", "hide", seconds=60, match={"metadata": {"batchgen_batch": "hidden"}})
    batches = [started(api, tmp_path, name) for name in ("shown", "hidden")]
    found = api.follow({batch.id: batch.created_at for batch in batches})
    assert {batch.metadata["batchgen_batch"] for batch in found} == {"shown", "hidden"}
    assert asks(control)["batches.retrieve"] == 1


def test_nothing_to_follow_asks_nothing(api: BatchApi, control: SimulatorControl) -> None:
    assert list(api.follow({})) == []
    assert asks(control) == {}


def test_a_batch_that_openai_does_not_know_does_not_stop_the_others(api: BatchApi, tmp_path: Path) -> None:
    batch = started(api, tmp_path)
    wanted = {"batch_nothing": batch.created_at, batch.id: batch.created_at, "batch_zero": batch.created_at}
    assert [found.id for found in api.follow(wanted)] == [batch.id]


def test_cancelling_what_openai_does_not_know_is_refused(api: BatchApi) -> None:
    with pytest.raises(RequestRefused) as raised:
        api.cancel("batch_nothing")
    assert (raised.value.operation, raised.value.status) == ("batches.cancel", 404)


def test_a_failed_validation_names_its_lines(api: BatchApi, control: SimulatorControl, tmp_path: Path) -> None:
    control.fault("batches.run", "fail", code="invalid_json_line", message="broken", line=2)
    failed = ended(api, started(api, tmp_path))
    assert failed.status == "failed"
    assert [(each.code, each.message, each.line) for each in failed.errors] == [("invalid_json_line", "broken", 2)]
    assert (failed.output_file_id, failed.error_file_id) == (None, None)


def test_a_batch_can_be_cancelled(api: BatchApi, control: SimulatorControl, tmp_path: Path) -> None:
    control.fault("batches.run", "hang", status="in_progress")
    batch = started(api, tmp_path)
    api.cancel(batch.id)
    assert ended(api, batch).status == "cancelled"


def test_a_wrong_key_is_denied(simulator: SimulatorServer) -> None:
    key = "sk-wrong-hunter2"
    stranger = OpenAIClientManager(api_key=key, base_url=simulator.base_url, catalog=ModelCatalog.load())
    with pytest.raises(AccessDenied, match="OPENAI_API_KEY") as raised:
        BatchApi(stranger).check()
    stranger.close()
    assert key not in str(raised.value)


def test_a_right_key_passes_the_check(api: BatchApi, control: SimulatorControl) -> None:
    api.check()
    assert asks(control) == {"models": 1}


def test_a_busy_server_says_when_to_come_back(api: BatchApi, control: SimulatorControl) -> None:
    control.fault("models", "error", status=429, retry_after=11, times="always")
    with pytest.raises(Unavailable) as raised:
        api.check()
    assert (raised.value.service, raised.value.retry_after_s, raised.value.answers) == ("OpenAI", 11, True)


def test_a_busy_server_may_name_no_time(api: BatchApi, control: SimulatorControl) -> None:
    control.fault("models", "error", status=503, times="always")
    with pytest.raises(Unavailable) as raised:
        api.check()
    assert (raised.value.retry_after_s, raised.value.answers) == (None, True)


def test_a_fault_of_seconds_is_outlived(api: BatchApi, control: SimulatorControl) -> None:
    control.fault("models", "error", status=503, times=2)
    control.fault("models", "drop_answer", times=2)
    api.check()
    assert asks(control)["models"] == 5


def test_a_host_that_is_away_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openai._base_client.BaseClient._calculate_retry_timeout", lambda *_: 0)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        away = OpenAIClientManager(api_key="sk-test", base_url=url, catalog=ModelCatalog.load())
        with pytest.raises(Unavailable) as raised:
            BatchApi(away).check()
        away.close()
    assert not raised.value.answers
    assert len(str(raised.value).splitlines()) == 1
