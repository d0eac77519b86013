"""The servers as parts of the stack: what each needs to start, and the variables that point at it."""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from batchgen.local import prefect_server, prefect_worker, redis_server, s3_server, simulator_server
from batchgen.local.info import Part
from batchgen.local.ports import HOST
from batchgen.local.servers import ServerPlan
from batchgen.local.state_file import PartRecord

BUCKET = "batchgen"
POLL_INTERVAL_S = "0.5"
"""The simulator is done in seconds; OpenAI takes minutes to hours."""


class StackPart(ABC):
    """One kind of server; a `PartRecord` says on which ports and with which secrets it runs."""

    port_count = 1

    def new_secrets(self) -> dict[str, str]:
        """Made once and kept, so that data and clients outlive a restart."""
        return {}

    @abstractmethod
    def plan(self, folder: Path, record: PartRecord, log: Path) -> ServerPlan: ...

    def furnish(self, record: PartRecord) -> None:
        """What must exist in the server before it is used; called whenever it has come up."""
        del record

    @abstractmethod
    def url(self, record: PartRecord) -> str: ...

    @abstractmethod
    def environment(self, folder: Path, record: PartRecord) -> dict[str, str]: ...

    def note(self, folder: Path) -> str:
        """What a person who waits for the start should know, or nothing."""
        del folder
        return ""


class _Redis(StackPart):
    def new_secrets(self) -> dict[str, str]:
        return {"password": secrets.token_urlsafe(24)}

    def plan(self, folder: Path, record: PartRecord, log: Path) -> ServerPlan:
        return redis_server.plan(folder, port=record.ports[0], password=record.secrets["password"], log=log)

    def url(self, record: PartRecord) -> str:
        return f"redis://{HOST}:{record.ports[0]}/0"

    def environment(self, folder: Path, record: PartRecord) -> dict[str, str]:
        del folder
        return {"REDIS_URL": redis_server.redis_url(record.ports[0], record.secrets["password"])}


class _S3(StackPart):
    port_count = s3_server.PORT_COUNT

    def new_secrets(self) -> dict[str, str]:
        access_key, secret_key = s3_server.new_keys()
        return {"access_key": access_key, "secret_key": secret_key}

    def plan(self, folder: Path, record: PartRecord, log: Path) -> ServerPlan:
        return s3_server.plan(folder, ports=record.ports, access=self._access(record), log=log)

    def furnish(self, record: PartRecord) -> None:
        s3_server.ensure_bucket(self._access(record), BUCKET)

    def url(self, record: PartRecord) -> str:
        return f"{self._access(record).endpoint}/{BUCKET}"

    def environment(self, folder: Path, record: PartRecord) -> dict[str, str]:
        del folder
        access = self._access(record)
        return {
            "AWS_ACCESS_KEY_ID": access.access_key,
            "AWS_SECRET_ACCESS_KEY": access.secret_key,
            "AWS_REGION": s3_server.REGION,
            "AWS_ENDPOINT_URL_S3": access.endpoint,
            "BATCHGEN_S3_BUCKET": BUCKET,
            "BATCHGEN_PUBLIC_URL": self.url(record),
        }

    def _access(self, record: PartRecord) -> s3_server.S3Access:
        return s3_server.access_on(record.ports, record.secrets["access_key"], record.secrets["secret_key"])


class _Simulator(StackPart):
    def plan(self, folder: Path, record: PartRecord, log: Path) -> ServerPlan:
        return simulator_server.plan(folder, port=record.ports[0], log=log)

    def url(self, record: PartRecord) -> str:
        return simulator_server.base_url(record.ports[0])

    def environment(self, folder: Path, record: PartRecord) -> dict[str, str]:
        del folder
        return {
            "OPENAI_API_KEY": simulator_server.API_KEY,
            "OPENAI_BASE_URL": self.url(record),
            "BATCHGEN_POLL_INTERVAL_S": POLL_INTERVAL_S,
        }


class _Prefect(StackPart):
    def plan(self, folder: Path, record: PartRecord, log: Path) -> ServerPlan:
        return prefect_server.plan(folder, port=record.ports[0], log=log)

    def url(self, record: PartRecord) -> str:
        return prefect_server.ui_url(record.ports[0])

    def environment(self, folder: Path, record: PartRecord) -> dict[str, str]:
        return {"PREFECT_API_URL": prefect_server.api_url(record.ports[0]), "PREFECT_HOME": str(folder)}

    def note(self, folder: Path) -> str:
        return "" if prefect_server.has_database(folder) else "Prefect creates its database, once; about half a minute"


class _Worker(StackPart):
    def plan(self, folder: Path, record: PartRecord, log: Path) -> ServerPlan:
        return prefect_worker.plan(folder, port=record.ports[0], log=log)

    def url(self, record: PartRecord) -> str:
        return f"http://{HOST}:{record.ports[0]}/health"

    def environment(self, folder: Path, record: PartRecord) -> dict[str, str]:
        del folder, record
        return {}


PARTS: Mapping[Part, StackPart] = {
    Part.REDIS: _Redis(),
    Part.S3: _S3(),
    Part.SIMULATOR: _Simulator(),
    Part.PREFECT: _Prefect(),
    Part.WORKER: _Worker(),
}
