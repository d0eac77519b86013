"""Work after the answer: bounded, finished at the end where it runs, and no place is lost to a step that fails."""

from __future__ import annotations

import threading

import pytest
from waiting import wait_until

from batchgen.api.background import BackgroundWork


def test_it_takes_as_much_as_it_has_places_for() -> None:
    go_on = threading.Event()
    with BackgroundWork(threads=1, waiting=2) as work:
        assert [work.offer(go_on.wait) for _ in range(4)] == [True, True, True, False]
        go_on.set()


def test_a_step_that_fails_is_logged_and_gives_its_place_back(log: pytest.LogCaptureFixture) -> None:
    done = threading.Event()
    with BackgroundWork(threads=1, waiting=0) as work:
        assert work.offer(lambda: 1 // 0)
        wait_until(lambda: work.offer(done.set))
        assert done.wait(10)
    assert "background_work_failed" in log.text
    assert "ZeroDivisionError" in log.text


def test_at_the_end_what_runs_is_finished_and_what_waits_is_dropped() -> None:
    running, go_on, ran = threading.Event(), threading.Event(), list[str]()

    def slow() -> None:
        running.set()
        go_on.wait()
        ran.append("slow")

    work = BackgroundWork(threads=1, waiting=10_000)
    assert work.offer(slow)
    assert work.offer(lambda: ran.append("never"))
    assert running.wait(10)
    closing = threading.Thread(target=work.close)
    closing.start()
    wait_until(lambda: not work.offer(lambda: ran.append("late")))
    go_on.set()
    closing.join()
    assert ran == ["slow"]
