"""Redis is lost in the middle of everything: all stop, and a recovered job ends as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from pipeline import Pipeline, StartPipeline
from redis import Redis

from batchgen.errors import BatchgenError, JobConflict, RecoveryFailed, StateLost
from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch, Job
from batchgen.services import Services
from batchgen.settings import Settings
from batchgen.simulator import Answer, AnswerRequest
from batchgen.stages.decision import Action
from batchgen.stages.intake import JobRequest


@contextmanager
def restarted(pipeline: Pipeline) -> Iterator[Services]:
    """Another worker of the same installation, started now."""
    with Services(Settings.model_validate(pipeline.environment)) as services:
        yield services


def keys_of(pipeline: Pipeline, redis: Redis) -> list[str]:
    return list(redis.scan_iter(f"{pipeline.environment['BATCHGEN_REDIS_PREFIX']}:*"))


def lose_redis(pipeline: Pipeline) -> None:
    with Redis.from_url(pipeline.environment["REDIS_URL"], decode_responses=True) as redis:
        redis.delete(*keys_of(pipeline, redis))


def script(request: AnswerRequest) -> Answer:
    """Every prompt but the last is answered at once, that one in its second try."""
    late = "Say 3." in request.body["messages"][0]["content"]
    return Answer(status=500) if late and request.attempt == 1 else Answer(f"Said {request.custom_id}")


def created(pipeline: Pipeline) -> Job:
    return pipeline.services.processor.create_job(JobRequest("prompt", pipeline.prompts(4), name="lost"))


def submitted(pipeline: Pipeline) -> None:
    pipeline.services.processor.submit("lost-0001")


def answer_lost(pipeline: Pipeline) -> None:
    pipeline.simulator.control.fault("batches.create", "drop_answer")
    submitted(pipeline)


def done_at_openai(pipeline: Pipeline) -> None:
    submitted(pipeline)
    while pipeline.services.ids.get("lost-0001").status is BatchStatus.PROCESSING:
        pipeline.services.checker.check(["lost-0001"])


def sent_again(pipeline: Pipeline) -> None:
    done_at_openai(pipeline)
    pipeline.services.handler.process("lost-0001")


def in_review(pipeline: Pipeline) -> None:
    pipeline.services.advance("lost")


def sent_back(pipeline: Pipeline) -> None:
    in_review(pipeline)
    pipeline.services.reviewer.decide("lost-0001", Action.RETRY, reviewer="Ada", record_ids=["p0"], note="shorter")


MOMENTS = [lambda _: None, submitted, answer_lost, done_at_openai, sent_again, in_review, sent_back]
NAMES = ["recorded", "submitted", "answer lost", "done at OpenAI", "sent again", "in review", "sent back"]


@pytest.mark.parametrize("moment", MOMENTS, ids=NAMES)
def test_a_job_whose_redis_is_lost_ends_as_if_nothing_had_happened(
    start_pipeline: StartPipeline, moment: Callable[[Pipeline], None]
) -> None:
    pipeline = start_pipeline(script)
    created(pipeline)
    moment(pipeline)
    lose_redis(pipeline)
    with restarted(pipeline) as services:
        with pytest.raises(StateLost, match="batchgen recover"):
            services.advance("lost")
        made = services.recovery.recover()
        assert (made.jobs, made.batches) == (1, 1)
        services.advance("lost")
        batch = services.ids.get("lost-0001")
        assert (batch.status, batch.accepted, batch.pending) == (BatchStatus.READY_FOR_REVIEW, 4, 0)
        assert len(batch.decisions) == (moment is sent_back)
        approved = services.reviewer.decide("lost-0001", Action.APPROVE, reviewer="Ada")
    assert approved.status is BatchStatus.COMPLETED
    assert {line["record_id"] for line in pipeline.lines(approved)} == {"p0", "p1", "p2", "p3"}
    twice = {"lost-0001:0"} if moment is sent_back else set()
    assert pipeline.simulator.control.billed_twice().keys() == twice


WORK: list[Callable[[Services], object]] = [
    lambda services: services.advance("lost"),
    lambda services: services.advance(),
    lambda services: services.processor.submit("lost-0001"),
    lambda services: services.checker.check(["lost-0001"]),
    lambda services: services.handler.process("lost-0001"),
    lambda services: services.reviewer.decide("lost-0001", Action.APPROVE, reviewer="Ada"),
    lambda services: services.summary("lost"),
    lambda services: services.ids.counts(),
    lambda services: services.ids.page(),
]


@pytest.mark.parametrize("work", WORK, ids=range(len(WORK)))
def test_whoever_finds_redis_empty_stops(pipeline: Pipeline, work: Callable[[Services], object]) -> None:
    created(pipeline)
    lose_redis(pipeline)
    with pytest.raises(StateLost):
        work(pipeline.services)
    with restarted(pipeline) as services, pytest.raises(StateLost):
        work(services)


@pytest.mark.parametrize("work", WORK, ids=range(len(WORK)))
def test_a_worker_from_before_the_loss_cannot_go_on_after_it(
    pipeline: Pipeline, work: Callable[[Services], object]
) -> None:
    created(pipeline)
    lose_redis(pipeline)
    with restarted(pipeline) as services:
        services.recovery.recover()
        before = services.ids.get("lost-0001")
        with pytest.raises(StateLost):
            work(pipeline.services)
        assert services.ids.get("lost-0001") == before


def test_a_write_of_a_worker_from_before_the_loss_is_refused(pipeline: Pipeline) -> None:
    created(pipeline)
    with pipeline.services.ids.lease("lost-0001") as lease:
        batch = pipeline.services.ids.get("lost-0001")
        lose_redis(pipeline)
        with restarted(pipeline) as services:
            services.recovery.recover()
        with pytest.raises(StateLost):
            pipeline.services.ids.save(batch, lease)
        with pytest.raises(StateLost):
            pipeline.services.ids.create_job(pipeline.services.ids.for_recovery().get_job("lost"), [batch])


def test_what_is_not_lost_is_left_alone(pipeline: Pipeline) -> None:
    created(pipeline)
    submitted(pipeline)
    before = pipeline.services.ids.get("lost-0001")
    with restarted(pipeline) as services:
        made = services.recovery.recover()
    assert (made.jobs, made.batches, made.kept) == (0, 0, 1)
    assert pipeline.services.ids.get("lost-0001") == before


def test_a_new_installation_has_nothing_to_recover(pipeline: Pipeline) -> None:
    assert pipeline.services.recovery.recover().jobs == 0
    assert pipeline.run(pipeline.prompts(1)).accepted == 1


def test_a_job_without_all_its_manifests_stops_the_recovery_and_can_be_mended(pipeline: Pipeline) -> None:
    created(pipeline)
    manifest = pipeline.services.uploads.read("state/lost-0001/manifest.json")
    pipeline.services.uploads.delete(["state/lost-0001/manifest.json"])
    lose_redis(pipeline)
    with restarted(pipeline) as services:
        with pytest.raises(RecoveryFailed, match="lost-0001"):
            services.recovery.recover()
        with pytest.raises(StateLost):
            services.ids.counts()
        services.uploads.put(manifest, "state/lost-0001/manifest.json")
        assert services.recovery.recover().jobs == 1


def older(pipeline: Pipeline, then: Callable[[Pipeline], None]) -> None:
    """Redis comes back as it was before `then`: a snapshot is all it had."""
    with Redis.from_url(pipeline.environment["REDIS_URL"]) as redis:
        snapshot = {key: redis.dump(key) for key in keys_of(pipeline, redis)}
        then(pipeline)
        redis.delete(*keys_of(pipeline, redis))
        for key, value in snapshot.items():
            redis.restore(key, 0, value)


@pytest.mark.parametrize("moment", MOMENTS[1:4], ids=NAMES[1:4])
def test_a_redis_that_forgot_the_sending_pays_nothing_twice(
    pipeline: Pipeline, moment: Callable[[Pipeline], None]
) -> None:
    created(pipeline)
    older(pipeline, moment)
    pipeline.services.advance("lost")
    assert pipeline.services.ids.get("lost-0001").accepted == 4
    assert pipeline.simulator.control.billed_twice() == {}


@pytest.mark.parametrize("moment", MOMENTS[4:], ids=NAMES[4:])
def test_a_redis_that_forgot_what_was_judged_is_noticed_and_mended(
    start_pipeline: StartPipeline, moment: Callable[[Pipeline], None]
) -> None:
    pipeline = start_pipeline(script)
    created(pipeline)
    older(pipeline, moment)
    with pytest.raises(StateLost, match="batchgen recover"):
        pipeline.services.advance("lost")
    with restarted(pipeline) as services:
        assert services.recovery.recover().batches == 1
        services.advance("lost")
        assert services.ids.get("lost-0001").accepted == 4
    twice = {"lost-0001:0"} if moment is sent_back else set()
    assert pipeline.simulator.control.billed_twice().keys() == twice


def test_a_redis_that_forgot_a_later_sending_judges_nothing_again(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(script)
    created(pipeline)
    done_at_openai(pipeline)

    def sent_on(pipeline: Pipeline) -> None:
        pipeline.services.handler.process("lost-0001")
        submitted(pipeline)

    older(pipeline, sent_on)
    with pytest.raises(StateLost):
        pipeline.services.handler.process("lost-0001")
    with restarted(pipeline) as services:
        assert services.recovery.recover().batches == 1
        services.advance("lost")
        assert services.ids.get("lost-0001").accepted == 4
    assert pipeline.simulator.control.billed_twice() == {}


def test_a_redis_that_forgot_a_whole_job_lets_nobody_begin_it_anew(pipeline: Pipeline) -> None:
    pipeline.run(pipeline.prompts(1, "other.jsonl"), name="other")

    def began(pipeline: Pipeline) -> None:
        created(pipeline)
        submitted(pipeline)

    older(pipeline, began)
    with pytest.raises(StateLost, match="batchgen recover"):
        created(pipeline)
    with restarted(pipeline) as services:
        assert services.recovery.recover().jobs == 1
        services.advance("lost")
        assert services.ids.get("lost-0001").accepted == 4
    assert pipeline.simulator.control.billed_twice() == {}


def test_a_redis_that_forgot_a_decision_does_not_undo_it(pipeline: Pipeline) -> None:
    created(pipeline)
    done_at_openai(pipeline)

    def decided(pipeline: Pipeline) -> None:
        in_review(pipeline)
        pipeline.services.reviewer.decide("lost-0001", Action.REJECT, reviewer="Ada", record_ids=["p0"])

    older(pipeline, decided)
    with pytest.raises(StateLost):
        pipeline.services.handler.process("lost-0001")
    with restarted(pipeline) as services:
        services.recovery.recover()
        batch = services.ids.get("lost-0001")
        assert (batch.status, batch.accepted, batch.refused) == (BatchStatus.COMPLETED, 3, 1)
        assert {line["record_id"] for line in pipeline.lines(batch)} == {"p1", "p2", "p3"}


def test_a_job_of_another_installation_in_the_bucket_is_not_written_over(
    pipeline: Pipeline, start_pipeline: StartPipeline
) -> None:
    created(pipeline)
    before = pipeline.services.uploads.read("state/lost-0001/manifest.json")
    with pytest.raises(JobConflict, match="installation"):
        created(start_pipeline())
    assert pipeline.services.uploads.read("state/lost-0001/manifest.json") == before


def test_two_recoveries_at_once_are_one(pipeline: Pipeline) -> None:
    created(pipeline)
    lose_redis(pipeline)
    with restarted(pipeline) as services, services.ids.lease("recover"), pytest.raises(BatchgenError, match="recover"):
        services.recovery.recover()


def test_what_the_manifest_holds_is_the_batch_that_redis_held(pipeline: Pipeline) -> None:
    in_redis: list[Batch] = []
    created(pipeline)
    in_review(pipeline)
    in_redis.append(pipeline.services.ids.get("lost-0001"))
    lose_redis(pipeline)
    with restarted(pipeline) as services:
        services.recovery.recover()
        in_redis.append(services.ids.get("lost-0001"))
    before, after = (batch.model_copy(update={"updated_at": None}) for batch in in_redis)
    assert before == after
