"""Prefect's command line, with a server that takes its SQLite writes one after another.

SQLite refuses at once, with "database is locked", to write in a transaction that has read before another one wrote.
Prefect asks for the lock first in some of its transactions only; in the others a click or a worker's report is lost
when two come together. Here every transaction that may write waits for its turn (for up to the 60 s that Prefect sets).
"""

from __future__ import annotations

from contextlib import _AsyncGeneratorContextManager

from prefect.cli import app
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import MODELS_DEPENDENCIES
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction


class WritesInTurn(AioSqliteConfiguration):
    """SQLite with every transaction begun as one that writes (`BEGIN IMMEDIATE`)."""

    def begin_transaction(
        self,
        session: AsyncSession,
        with_for_update: bool = False,
    ) -> _AsyncGeneratorContextManager[AsyncSessionTransaction]:
        return super().begin_transaction(session, with_for_update=True)


if __name__ == "__main__":
    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    MODELS_DEPENDENCIES["database_config"] = WritesInTurn(connection_url=url)
    app()
