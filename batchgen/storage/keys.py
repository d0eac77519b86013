"""Every Redis key of the project is built here."""

from __future__ import annotations

from batchgen.lifecycle import BatchStatus


class Keys:
    """Keys below one prefix. Indexes are sorted sets of equal score, so that they page by member: `<ms>:<batch id>`."""

    def __init__(self, prefix: str) -> None:
        """Take the installation's prefix (BATCHGEN_REDIS_PREFIX)."""
        self.prefix = prefix

    def _key(self, *parts: str) -> str:
        return ":".join((self.prefix, *parts))

    def batch(self, batch_id: str) -> str:
        """Hash of one batch: doc (JSON), status, member."""
        return self._key("batch", batch_id)

    def job(self, job_id: str) -> str:
        """String: one job as JSON."""
        return self._key("job", job_id)

    def lease(self, batch_id: str) -> str:
        """String with a time to live: the token of the worker that holds the batch."""
        return self._key("lease", batch_id)

    def all_jobs(self) -> str:
        """Index of jobs."""
        return self._key("jobs")

    def all_batches(self) -> str:
        """Index of all batches."""
        return self._key("batches")

    def by_status(self, status: BatchStatus) -> str:
        """Index of the batches of a status."""
        return self._key("batches", "status", status)

    def by_data_type(self, data_type: str) -> str:
        """Index of the batches of a data type."""
        return self._key("batches", "type", data_type)

    def by_data_type_and_status(self, data_type: str, status: BatchStatus) -> str:
        """Index of the batches of a data type in a status."""
        return self._key("batches", "type", data_type, "status", status)

    def by_job(self, job_id: str) -> str:
        """Index of a job's batches."""
        return self._key("batches", "job", job_id)

    def epoch(self) -> str:
        """String: which life of this installation's Redis this is; gone with everything else when Redis is lost."""
        return self._key("epoch")

    def enqueued(self, model: str) -> str:
        """Hash: tokens by batch id, for the batches of a model that OpenAI has or may have."""
        return self._key("enqueued", model)

    def enqueued_limit(self, model: str) -> str:
        """String with a time to live: the enqueued-token limit of a model that a refusal stated."""
        return self._key("enqueued-limit", model)

    def ledger(self) -> str:
        """Hash: the entries of the cost ledger by their names."""
        return self._key("ledger")

    def sums(self) -> str:
        """Hash: running sums over the cost ledger by their names."""
        return self._key("ledger", "sums")

    def due(self) -> str:
        """Sorted set of the PENDING batches; the score is the time (ms) before which they wait."""
        return self._key("batches", "due")
