"""A whole pipeline for tests: the real stages on a real Redis, a real S3 API and the simulator over HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from batchgen.local import s3_server
from batchgen.local.s3_server import S3Access
from batchgen.models import Batch
from batchgen.services import Services
from batchgen.settings import Settings
from batchgen.simulator import Answer, AnswerRequest, SimulatorServer
from batchgen.stages.decision import Action
from batchgen.stages.intake import JobRequest

Script = Callable[[AnswerRequest], Answer]
BUCKET = "pipeline-tests"


@dataclass
class Pipeline:
    """One installation of its own: a Redis prefix, a bucket, a simulator."""

    services: Services
    simulator: SimulatorServer
    folder: Path
    environment: dict[str, str]

    def prompts(self, count: int, name: str = "prompts.jsonl") -> str:
        """A source with so many prompts, ids p0, p1, ..."""
        return self.source([{"id": f"p{number}", "prompt": f"Say {number}."} for number in range(count)], name)

    def source(self, rows: list[dict[str, Any]], name: str = "rows.jsonl") -> str:
        """A JSONL source."""
        path = self.folder / name
        path.write_bytes(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
        return str(path)

    def run(self, source: str, data_type: str = "prompt", **request: Any) -> Batch:
        """Create a job of one batch and advance it until only a person can go on."""
        job = self.services.processor.create_job(JobRequest(data_type, source, **request))
        self.services.advance(job.job_id)
        return self.services.ids.get(job.batch_ids[0])

    def approve(self, batch: Batch) -> Batch:
        """Approve it in the tests' name."""
        return self.services.reviewer.decide(batch.batch_id, Action.APPROVE, reviewer="test")

    def lines(self, batch: Batch, name: str = "results.jsonl") -> list[dict[str, Any]]:
        """A public object of a batch, read from S3 and parsed."""
        return [orjson.loads(line) for line in self.text(batch, name).splitlines()]

    def text(self, batch: Batch, name: str) -> str:
        """A public object of a batch, read from S3."""
        key = next(stored.key for stored in batch.objects if stored.key.endswith(f"/{name}"))
        return self.services.uploads.read(key).decode()

    def requests_of(self, batch: Batch, iteration: int) -> list[dict[str, Any]]:
        """What an iteration sent."""
        content = self.services.uploads.read(f"state/{batch.batch_id}/{iteration}/requests.jsonl")
        return [orjson.loads(line) for line in content.splitlines()]


StartPipeline = Callable[..., Pipeline]


@pytest.fixture(scope="session")
def bucket(own_s3: S3Access) -> str:
    """The bucket of all pipelines of this test process."""
    s3_server.ensure_bucket(own_s3, BUCKET)
    return BUCKET


@pytest.fixture(scope="session")
def forget_jobs(own_s3: S3Access, bucket: str) -> Callable[[str], None]:
    """Free the names of an installation's jobs for the next one in the bucket."""
    client = own_s3.client()

    def keys(prefix: str) -> list[str]:
        return [found["Key"] for found in client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())]

    def forget(installation: str) -> None:
        for job in keys(f"state/jobs/{installation}/"):
            for key in keys(f"state/{Path(job).stem}-"):
                if key.endswith("/manifest.json"):
                    client.delete_object(Bucket=bucket, Key=key)

    return forget


@pytest.fixture(scope="session")
def pipelines_in(
    own_redis_url: str, own_s3: S3Access, bucket: str, forget_jobs: Callable[[str], None]
) -> Callable[[Path], AbstractContextManager[StartPipeline]]:
    """What starts pipelines in a folder; all of them end with the `with` block."""

    @contextmanager
    def pipelines(where: Path) -> Iterator[StartPipeline]:
        with ExitStack() as opened:
            yield partial(_start, opened, where)

    def _start(opened: ExitStack, where: Path, script: Script | None = None, **settings: Any) -> Pipeline:
        folder = where / secrets.token_hex(4)
        folder.mkdir()
        simulator = opened.enter_context(SimulatorServer(data_dir=folder / "simulator", script=script))
        environment = {
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": simulator.base_url,
            "REDIS_URL": own_redis_url,
            "AWS_ACCESS_KEY_ID": own_s3.access_key,
            "AWS_SECRET_ACCESS_KEY": own_s3.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": own_s3.endpoint,
            "BATCHGEN_S3_BUCKET": bucket,
            "BATCHGEN_PUBLIC_URL": f"{own_s3.endpoint}/{bucket}",
            "BATCHGEN_REDIS_PREFIX": f"t{secrets.token_hex(6)}",
            "BATCHGEN_POLL_INTERVAL_S": "0.02",
            "BATCHGEN_ADOPT_WAIT_S": "0.2",
            "BATCHGEN_STATE_DIR": str(folder / "state"),
        }
        environment |= {name: str(value) for name, value in settings.items()}
        opened.callback(forget_jobs, environment["BATCHGEN_REDIS_PREFIX"])
        services = opened.enter_context(Services(Settings.model_validate(environment)))
        return Pipeline(services, simulator, folder, environment)

    return pipelines


@pytest.fixture
def start_pipeline(
    pipelines_in: Callable[[Path], AbstractContextManager[StartPipeline]], tmp_path: Path
) -> Iterator[StartPipeline]:
    """Start pipelines; `script` answers in the simulator, other arguments are settings by their variables' names."""
    with pipelines_in(tmp_path) as start:
        yield start


@pytest.fixture
def pipeline(start_pipeline: StartPipeline) -> Pipeline:
    """A pipeline whose simulator answers as it does by default."""
    return start_pipeline()
