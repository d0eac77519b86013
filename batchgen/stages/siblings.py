"""What the other batches of a job have accepted: the same however often an iteration is judged, killed in between.

Which results there are is written down before an iteration is first held against them; what is stored at such a point
never changes. Batches that are judged at the same moment do not see each other.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from batchgen.data_types.contract import Result
from batchgen.models import Batch
from batchgen.stages.ledger import accepted_results
from batchgen.stages.state_objects import Sibling, StateObjects
from batchgen.storage.batch_ids import BatchIdManager
from batchgen.storage.lease import Lease


class Siblings:
    """Reads other batches, one at a time from disk."""

    def __init__(self, *, ids: BatchIdManager, objects: StateObjects) -> None:
        """Take the connections."""
        self._ids = ids
        self._objects = objects

    def accepted(self, batch: Batch, folder: Path, lease: Lease) -> Iterator[Result]:
        """Yield what they had accepted when the current iteration of this one was first judged, in their order."""
        for sibling in self._known(batch, lease):
            lease.check()
            place = folder / "sibling"
            place.mkdir()
            try:
                yield from accepted_results(self._objects.get_sibling(sibling, place))
            finally:
                shutil.rmtree(place)

    def _known(self, batch: Batch, lease: Lease) -> list[Sibling]:
        if len(self._ids.get_job(batch.job_id).batch_ids) == 1:
            return []
        known = self._objects.get_siblings(batch)
        if known is None:
            batches = self._ids.job_batches(batch.job_id)
            known = [
                (each.batch_id, each.ledger) for each in batches if each.ledger and each.batch_id != batch.batch_id
            ]
            lease.check()
            self._objects.put_siblings(batch, known)
        return known
