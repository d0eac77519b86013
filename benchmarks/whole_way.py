"""The whole way: records to COMPLETED through every stage, as `batchgen generate prompt --approve` goes it.

A client process of its own, started by `python -m benchmarks`, which points it at its servers by the environment.
"""

from __future__ import annotations

from pathlib import Path

from batchgen.logging import configure_logging
from batchgen.services import Services
from batchgen.settings import Settings
from batchgen.stages.decision import Action
from batchgen.stages.intake import JobRequest
from benchmarks.measurement import measure_client


def run(source: Path, _records: int) -> int:
    """Run one job and approve it; returns how many records are accepted in COMPLETED batches."""
    settings = Settings.load()
    configure_logging(settings.log_level, settings.log_format)
    with Services(settings) as services:
        job = services.processor.create_job(JobRequest("prompt", str(source)))
        services.advance(job.job_id)
        for batch in services.reviewer.waiting(job.job_id):
            services.reviewer.decide(batch.batch_id, Action.APPROVE, reviewer="benchmark", iteration=batch.iteration)
        summary = services.summary(job.job_id)
        return sum(batch["accepted"] for batch in summary["batches"] if batch["status"] == "COMPLETED")


if __name__ == "__main__":
    measure_client(run)
