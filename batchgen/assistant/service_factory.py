"""Makes the services, all on the one client manager."""

from __future__ import annotations

from functools import cached_property

from batchgen.assistant import chat_ops, narrative_report, strategy_builder
from batchgen.assistant.chat_ops import ChatOpsAdvancedService
from batchgen.assistant.comparison import Comparer
from batchgen.assistant.engine import ChatEngine
from batchgen.assistant.narrative_report import NarrativeReportService
from batchgen.assistant.stored_facts import CostsBy, StoredFacts
from batchgen.assistant.strategy_builder import StrategyBuilderService
from batchgen.openai_client.manager import OpenAIClientManager
from batchgen.storage.batch_ids import BatchIdManager
from batchgen.storage.uploads import BatchUploadManager


class ServiceFactory:
    """Each service is made once, on first use."""

    def __init__(
        self, manager: OpenAIClientManager, ids: BatchIdManager, uploads: BatchUploadManager, costs: CostsBy
    ) -> None:
        """Take the manager, where jobs are stored, and what reads the cost ledger."""
        self._manager = manager
        self._ids = ids
        self._uploads = uploads
        self._costs = costs

    def get_openai_client_manager(self) -> OpenAIClientManager:
        """The manager that all services share."""
        return self._manager

    @cached_property
    def strategy_builder(self) -> StrategyBuilderService:
        """Drafts declared types."""
        return StrategyBuilderService(ChatEngine(self._manager, strategy_builder.SERVICE))

    @cached_property
    def narrative_report(self) -> NarrativeReportService:
        """Writes reports for reviewers."""
        engine = ChatEngine(self._manager, narrative_report.SERVICE)
        return NarrativeReportService(engine, self._facts, self._manager.catalog)

    @cached_property
    def chat_ops(self) -> ChatOpsAdvancedService:
        """Answers questions about jobs."""
        engine = ChatEngine(self._manager, chat_ops.SERVICE)
        return ChatOpsAdvancedService(engine, self._facts, Comparer(self._facts, self._manager))

    @cached_property
    def _facts(self) -> StoredFacts:
        return StoredFacts(self._ids, self._uploads, self._manager, self._costs)
