"""The endpoints: each takes a document, calls a service, and returns a document."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from batchgen.api.gen_ai.documents import (
    ChatRequest,
    ChatResponse,
    ComparisonResponse,
    ModelInfo,
    ModelListResponse,
    NarrativeReportRequest,
    NarrativeReportResponse,
    ServiceModelPolicyResponse,
    Spent,
    StatedFigure,
    StrategyBuilderRequest,
    StrategyBuilderResponse,
)
from batchgen.api.problems import responses
from batchgen.assistant.chat_ops import ChatAnswer
from batchgen.assistant.service_factory import ServiceFactory
from batchgen.openai_client.model_config import ModelTier

PREFIX = "/api/v1/gen-ai"
_ASKED = responses(400, 404, 413, 502, 503)


def gen_ai_routes(services: ServiceFactory, dependencies: list[Any]) -> APIRouter:
    """All endpoints; `dependencies` are asked before each: who calls, and how often."""
    router = APIRouter(prefix=PREFIX, dependencies=dependencies, responses=responses(401, 422, 429))
    _add_models(router, services)
    _add_services(router, services)
    return router


def _add_models(router: APIRouter, services: ServiceFactory) -> None:
    manager = services.get_openai_client_manager()

    @router.get("/models", tags=["models"])
    async def list_models(
        tier: Annotated[ModelTier | None, Query(description="Only models of this tier.")] = None,
    ) -> ModelListResponse:
        """The models of the catalogue."""
        models = [ModelInfo.of(each) for each in manager.catalog if tier in {None, each.tier}]
        models.sort(key=lambda each: (each.tier.rank, each.input_price_per_1m + each.output_price_per_1m))
        return ModelListResponse(models=models, total=len(models))

    @router.get("/models/{service_name}", tags=["models"], responses=responses(404))
    async def get_service_policy(
        service_name: Annotated[str, Path(description="A data type or a service.")],
    ) -> ServiceModelPolicyResponse:
        """The models that a data type or a service may use."""
        policy = manager.policies.get(service_name)
        models = [ModelInfo.of(each) for each in manager.policies.allowed(service_name)]
        return ServiceModelPolicyResponse(
            service_name=policy.service_name, allowed_models=models, default_model=policy.default_model
        )


def _add_services(router: APIRouter, services: ServiceFactory) -> None:
    @router.post("/strategies", tags=["services"], responses=_ASKED)
    async def build_strategy(asked: StrategyBuilderRequest) -> StrategyBuilderResponse:
        """Draft a declared data type from a description and a sample of the data."""
        drafted = await services.strategy_builder.build_strategy(
            asked.description, asked.sample, name=asked.name, model_id=asked.model_id
        )
        return StrategyBuilderResponse(
            name=drafted.declaration.name,
            declaration_yaml=drafted.text,
            declaration=drafted.declaration.model_dump(mode="json", exclude_defaults=True),
            prompts=list(drafted.prompts),
            tries=drafted.tries,
            spent=Spent.of(drafted.reply),
        )

    @router.post("/reports", tags=["services"], responses=_ASKED)
    async def generate_report(asked: NarrativeReportRequest) -> NarrativeReportResponse:
        """Write a report on a job or a batch for its reviewer."""
        report = await services.narrative_report.generate_report(
            job_id=asked.job_id, batch_id=asked.batch_id, model_id=asked.model_id
        )
        figures = [StatedFigure(name=each.name, meaning=each.meaning, shown=each.shown) for each in report.figures]
        return NarrativeReportResponse(
            title=report.title, markdown=report.markdown, figures=figures, spent=Spent.of(report.reply)
        )

    @router.post("/chat", tags=["services"], responses=_ASKED)
    async def chat(asked: ChatRequest) -> ChatResponse:
        """Answer a question about jobs, batches, costs and refusals, or put two things side by side."""
        answer = await _answer(services, asked)
        comparison = None if answer.comparison is None else ComparisonResponse.of(answer.comparison)
        return ChatResponse(
            answer=answer.text, looked_up=answer.reply.called, comparison=comparison, spent=Spent.of(answer.reply)
        )


async def _answer(services: ServiceFactory, asked: ChatRequest) -> ChatAnswer:
    chat_ops = services.chat_ops
    if asked.compare is not None:
        about = asked.compare
        return await chat_ops.compare_strategies(
            about.kind, about.left, about.right, message=asked.message, model_id=asked.model_id
        )
    history = [{"role": turn.role, "content": turn.content} for turn in asked.history]
    return await chat_ops.chat(asked.message, history=history, model_id=asked.model_id)
