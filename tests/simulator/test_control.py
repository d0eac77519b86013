"""Settings, counters and the ledger."""

import pytest

from .lab import Lab, chat_line, chat_lines


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"speed": 1}, "Unknown setting 'speed'; known are batch_seconds"),
        ({"batch_seconds": "1"}, "'batch_seconds' cannot be '1'"),
        ({"shuffle": 1}, "'shuffle' cannot be 1"),
        ({"seed": True}, "'seed' cannot be True"),
        ({"over_limit": "maybe"}, "'failed' or '429'"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(lab: Lab, changes: dict[str, object], message: str) -> None:
    before = lab.control.config()
    with pytest.raises(ValueError, match=message):
        lab.control.config(**changes)
    assert lab.control.config() == before


def test_settings_are_shown_and_changed(lab: Lab) -> None:
    changed = lab.control.config(batch_seconds=3, models=["a", "b"])
    assert (changed["batch_seconds"], changed["models"], changed["shuffle"]) == (3, ["a", "b"], True)


def test_the_ledger_says_what_each_batch_cost(lab: Lab) -> None:
    lab.control.fault("requests", "answer", status=500, match={"custom_id": "id-3"})
    batch = lab.run(chat_lines(5), metadata={"job": "x"})
    billing = lab.control.billing()
    (entry,) = billing["batches"]
    assert batch.usage is not None
    assert entry == {
        "batch_id": batch.id,
        "status": "completed",
        "model": "gpt-4o-mini",
        "metadata": {"job": "x"},
        "requests": 4,
        "failed": 1,
        "input_tokens": batch.usage.input_tokens,
        "output_tokens": batch.usage.output_tokens,
    }
    assert (billing["requests"], billing["output_tokens"]) == (4, batch.usage.output_tokens)
    requests = {item["custom_id"]: item for item in lab.control.billed_requests(batch.id)}
    assert len(requests) == 5
    assert not requests["id-3"]["billed"]
    assert sum(item["output_tokens"] for item in requests.values()) == batch.usage.output_tokens


def test_requests_billed_twice_are_named(lab: Lab) -> None:
    first = lab.run(chat_lines(3))
    second = lab.run([chat_line("id-1", "Record 1"), chat_line("id-2", "another prompt")])
    assert lab.control.billed_twice() == {"id-1": [first.id, second.id], "id-2": [first.id, second.id]}
    assert lab.control.billed_twice(same_request=True) == {"id-1": [first.id, second.id]}


def test_a_failed_request_may_be_billed_later(lab: Lab) -> None:
    lab.control.fault("requests", "answer", status=500)
    lab.run([chat_line("a")])
    lab.run([chat_line("a")])
    assert lab.control.billing()["requests"] == 1
    assert lab.control.billed_twice() == {}


def test_a_reset_forgets_everything_even_a_running_batch(lab: Lab) -> None:
    lab.control.config(batch_seconds=60)
    lab.control.fault("models", "error")
    batch = lab.start(chat_lines(5))
    lab.until(batch, lambda found: found.status == "in_progress")
    lab.control.reset()
    assert lab.client.batches.list().data == []
    assert lab.client.files.list().data == []
    assert lab.control.faults() == []
    assert lab.control.billing()["batches"] == []
    assert lab.control.config()["batch_seconds"] == 0
    assert lab.run(chat_lines(2)).status == "completed"


def test_an_unknown_batch_has_no_ledger(lab: Lab) -> None:
    with pytest.raises(OSError, match="404"):
        list(lab.control.billed_requests("batch_none"))
