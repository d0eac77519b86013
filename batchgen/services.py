"""`Services` opens the connections, owns them, and hands them to the stages. One object, used in `with`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from redis import Redis

from batchgen.errors import BatchgenError, RequestRefused
from batchgen.lifecycle import BatchStatus
from batchgen.logging import configure_library_logging
from batchgen.models import Batch, Job
from batchgen.money import exact
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.manager import OpenAIClientManager
from batchgen.openai_client.policies import ModelPolicies
from batchgen.settings import Settings
from batchgen.stages.advance import Stages, advance
from batchgen.stages.analysis import CsvAnalyzer
from batchgen.stages.budgets import Budgets
from batchgen.stages.checker import BatchStatusChecker
from batchgen.stages.cost_guard import CostGuard
from batchgen.stages.cost_recorder import CostRecorder
from batchgen.stages.cost_report import DEFAULT_BASELINE, EVERYTHING, CostReport, Wanted, costs_of
from batchgen.stages.counting import TokenCounter
from batchgen.stages.estimate import EstimatedJob, estimate_job
from batchgen.stages.handler import CompletedBatchHandler
from batchgen.stages.intake import JobRequest
from batchgen.stages.preview import Previewer
from batchgen.stages.processor import BatchProcessor
from batchgen.stages.recovery import StateRecovery
from batchgen.stages.reviewer import BatchReviewer
from batchgen.stages.state_objects import StateObjects
from batchgen.stages.workspace import Workspace
from batchgen.storage.batch_ids import BatchIdManager, connect
from batchgen.storage.uploads import BatchUploadManager, connect_s3
from batchgen.summary import summarize

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from batchgen.assistant.service_factory import ServiceFactory
    from batchgen.openai_client.batch_api import BatchApi
    from batchgen.openai_client.webhooks import WebhookReader


class Services:
    """Connections and stages of one configuration. Each is made on first use; none at import."""

    def __init__(self, settings: Settings) -> None:
        """Take settings; a connection without an address raises MissingSetting when it is first used."""
        configure_library_logging()
        self.settings = settings
        self.catalog = ModelCatalog.load(settings.model_catalog)
        self.policies = ModelPolicies.load(self.catalog, settings.model_policies)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        made = vars(self)
        if "openai" in made:
            self.openai.close()
        if "_redis" in made:
            self._redis.close()
        if "_s3" in made:
            self._s3.close()

    @cached_property
    def openai(self) -> OpenAIClientManager:
        """The owner of the OpenAI clients."""
        return OpenAIClientManager.shared(
            api_key=self.settings.require(what="OpenAI", field="openai_api_key"),
            base_url=self.settings.openai_base_url,
            catalog=self.catalog,
            policies=self.policies,
            recorder=self.cost_recorder,
        )

    @cached_property
    def _redis(self) -> Redis:
        return connect(self.settings.require(what="Redis", field="redis_url"))

    @cached_property
    def ids(self) -> BatchIdManager:
        """Jobs and batches in Redis."""
        return BatchIdManager(
            self._redis,
            prefix=self.settings.redis_prefix,
            lease_s=self.settings.lease_s,
            holds_jobs=None if self.settings.s3_bucket is None else self._objects.holds_jobs,
        )

    @cached_property
    def uploads(self) -> BatchUploadManager:
        """Objects in S3."""
        bucket = self.settings.require(what="S3", field="s3_bucket")
        return BatchUploadManager(self.s3(), bucket=bucket, public_url=self.settings.public_url)

    @cached_property
    def api(self) -> BatchApi:
        """The Batch API."""
        from batchgen.openai_client.batch_api import BatchApi  # noqa: PLC0415 - the SDK takes a second to import

        return BatchApi(self.openai)

    @cached_property
    def webhooks(self) -> WebhookReader:
        """The reader of OpenAI's webhook events."""
        from batchgen.openai_client.webhooks import WebhookReader  # noqa: PLC0415 - as above

        return WebhookReader(self.openai, self.settings.webhook_secret())

    @cached_property
    def workspace(self) -> Workspace:
        """Folders for working files."""
        return Workspace(self.settings.state_dir / "work", self.settings.state_dir / "cache")

    @cached_property
    def processor(self) -> BatchProcessor:
        """The submit stage."""
        return BatchProcessor(
            ids=self.ids,
            objects=self._objects,
            api=self.api,
            policies=self.policies,
            workspace=self.workspace,
            s3=self.s3,
            usage_tier=self.settings.openai_usage_tier,
            guard=self.cost_guard,
            adopt_wait_s=self.settings.adopt_wait_s,
            poll_interval_s=self.settings.poll_interval_s,
        )

    @cached_property
    def budgets(self) -> Budgets:
        """The caps on costs."""
        return Budgets(self.settings.budgets, self.catalog, self.settings.types_dir)

    @cached_property
    def cost_recorder(self) -> CostRecorder:
        """What books calls outside of batches."""
        return CostRecorder(ids=self.ids, objects=self._objects, catalog=self.catalog)

    @cached_property
    def cost_guard(self) -> CostGuard:
        """What reserves below the caps."""
        return CostGuard(
            ids=self.ids,
            objects=self._objects,
            workspace=self.workspace,
            catalog=self.catalog,
            budgets=self.budgets,
        )

    @cached_property
    def previewer(self) -> Previewer:
        """What looks at a job before it is one."""
        from batchgen.openai_client.sync_calls import SyncCalls  # noqa: PLC0415 - the SDK takes a second to import

        return Previewer(calls=SyncCalls(self.openai), policies=self.policies, workspace=self.workspace, s3=self.s3)

    @cached_property
    def analyzer(self) -> CsvAnalyzer:
        """What analyses one CSV file at once."""
        from batchgen.openai_client.sync_calls import SyncCalls  # noqa: PLC0415 - as above

        return CsvAnalyzer(
            uploads=self.uploads, calls=SyncCalls(self.openai), policies=self.policies, workspace=self.workspace
        )

    @cached_property
    def assistant(self) -> ServiceFactory:
        """The services that a person talks to."""
        from batchgen.assistant.service_factory import ServiceFactory  # noqa: PLC0415 - the SDK takes a second

        return ServiceFactory(self.openai, self.ids, self.uploads, self.costs)

    @cached_property
    def recovery(self) -> StateRecovery:
        """What rebuilds Redis after it was lost."""
        return StateRecovery(ids=self.ids, objects=self._objects, api=self.api)

    @cached_property
    def checker(self) -> BatchStatusChecker:
        """The check stage."""
        return BatchStatusChecker(
            ids=self.ids,
            api=self.api,
            handler=self.handler,
            poll_interval_s=self.settings.poll_interval_s,
            deadline_s=self.settings.batch_deadline_s,
        )

    @cached_property
    def handler(self) -> CompletedBatchHandler:
        """The process stage."""
        return CompletedBatchHandler(
            ids=self.ids,
            objects=self._objects,
            uploads=self.uploads,
            api=self.api,
            catalog=self.catalog,
            workspace=self.workspace,
            token_counter=self._token_counter,
            poll_interval_s=self.settings.poll_interval_s,
        )

    @cached_property
    def reviewer(self) -> BatchReviewer:
        """The review stage."""
        return BatchReviewer(
            ids=self.ids,
            objects=self._objects,
            uploads=self.uploads,
            workspace=self.workspace,
            token_counter=self._token_counter,
        )

    @cached_property
    def stages(self) -> Stages:
        """The stages that need no person."""
        return Stages(self.processor, self.checker, self.handler)

    @cached_property
    def _token_counter(self) -> TokenCounter:
        return TokenCounter(self.catalog, self.settings.openai_usage_tier)

    @cached_property
    def _objects(self) -> StateObjects:
        return StateObjects(self.uploads, installation=self.settings.redis_prefix)

    def s3(self) -> S3Client:
        """The S3 client, made on first use."""
        return self._s3

    @cached_property
    def _s3(self) -> S3Client:
        secret, token = self.settings.aws_secret_access_key, self.settings.aws_session_token
        return connect_s3(
            endpoint_url=self.settings.aws_endpoint_url_s3,
            access_key_id=self.settings.aws_access_key_id,
            secret_access_key=secret.get_secret_value() if secret else None,
            session_token=token.get_secret_value() if token else None,
            region=self.settings.aws_region,
        )

    def check(self) -> None:
        """Ask every connection; raises Unavailable, AccessDenied or BucketMissing for the first that is not there."""
        self.check_storage()
        self.check_openai()

    def check_storage(self) -> None:
        """Ask Redis and S3, which is all that a review needs."""
        self.ids.ping()
        self.uploads.check()

    def check_openai(self) -> None:
        """Ask OpenAI; a server that answers and has no list of models is fine: some compatible ones leave it out."""
        with suppress(RequestRefused):
            self.api.check()

    def advance(
        self,
        job_id: str | None = None,
        *,
        once: bool = False,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Submit, check and process until only a person can go on (or once), for a job or for all."""
        if once:
            self.stages.tick(job_id)
            return
        advance(
            self.stages,
            active=lambda: self.is_active(job_id),
            wait=wait or threading.Event().wait,
            poll_interval_s=self.settings.poll_interval_s,
            job_id=job_id,
        )

    def is_active(self, job_id: str | None = None) -> bool:
        """Whether a stage has something to do, now or later, of a job or of all.

        A batch that a cap holds back is left to others, or to a person, once there is nothing else to do and no room.
        """
        if job_id is not None:
            return any(self._can_go_on(batch) for batch in self.ids.job_batches(job_id))
        counts = self.ids.counts()
        if counts[BatchStatus.PROCESSING] or counts[BatchStatus.PRE_COMPLETED]:
            return True
        waiting = (BatchStatus.PENDING, BatchStatus.FAILED)
        return any(self._can_go_on(batch) for status in waiting for batch in self.ids.iterate(status=status))

    def _can_go_on(self, batch: Batch) -> bool:
        return not batch.needs_a_person and (not batch.over_cap or self.cost_guard.has_room(batch))

    def estimate(self, request: JobRequest, *, exact: bool = False) -> EstimatedJob:
        """What a job would be; nothing is recorded or sent. Raises InputError."""
        with self.workspace.folder("estimate") as folder:
            return estimate_job(
                request,
                folder,
                policies=self.policies,
                s3=self.s3,
                cache=self.workspace.cache,
                typical_output=self._typical_output,
                exact=exact,
            )

    def _typical_output(self, data_type: str, model: str) -> float | None:
        """As earlier answers were, where there is a Redis that knows of some."""
        if self.settings.redis_url is None:
            return None
        with suppress(BatchgenError):
            return self.ids.typical_output(data_type, model)
        return None

    def costs(self, by: str = "job", wanted: Wanted = EVERYTHING, baseline: str = DEFAULT_BASELINE) -> dict[str, Any]:
        """What was spent, by one of cost_report.KEYS, as documented in docs/costs.md; raises UnknownModel."""
        prices = self.catalog.prices(baseline, batch=False)
        report = CostReport(by, wanted).add(self.ids.costs())
        jobs = [job for job in self.ids.jobs() if wanted.job_id in {None, job.job_id}]
        caps = self.budgets.all(jobs, datetime.now(UTC))
        taken = self.ids.sums([cap.account for cap in caps])
        document = report.document(baseline, prices, list(zip(caps, taken, strict=True)))
        if by == "job":
            for row in document["rows"]:
                job = self.ids.find_job(row["job"])
                estimated = None if job is None or job.estimate is None else job.estimate
                row["estimate_usd"] = None if estimated is None else exact(estimated.cost_usd)
        return document

    def job_costs(self, job_id: str, baseline: str = DEFAULT_BASELINE) -> dict[str, Any]:
        """What each iteration of a job cost so far, from its batches alone; raises JobNotFound."""
        report = costs_of(self.ids.job_batches(job_id))
        return report.document(baseline, self.catalog.prices(baseline, batch=False))

    def summary(self, job_id: str) -> dict[str, Any]:
        """The documented summary of a job; raises JobNotFound."""
        job, batches = self.job_with_batches(job_id)
        return summarize(job, batches)

    def job_with_batches(self, job_id: str) -> tuple[Job, list[Batch]]:
        """A job and its batches; raises JobNotFound."""
        return self.ids.get_job(job_id), self.ids.job_batches(job_id)
