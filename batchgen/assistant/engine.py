"""One turn of a conversation: messages in, an answer out, tools called in between.

It holds nothing between two turns. Whoever calls it brings what was said before, and documents as messages or tools, so
that stored sessions need no other engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError
from structlog.stdlib import get_logger

from batchgen.errors import BatchgenError, ModelNonsense, Unavailable
from batchgen.models import Endpoint, Usage
from batchgen.openai_client.answers import Failure, read_body
from batchgen.openai_client.call_costs import record_call
from batchgen.openai_client.errors import SERVICE, openai_errors
from batchgen.openai_client.manager import OpenAIClientManager
from batchgen.openai_client.model_config import ModelCapability, ModelConfig

log = get_logger(__name__)

TIME_LIMIT_S = 90.0
"""For a whole turn, its tools included."""
_ROUNDS = 6
"""How often tools may be called in a turn; then the model has to answer with what it has."""
_RESULT_CHARACTERS = 20_000
"""Of one tool's result; the model is told that it was cut."""
MAX_OUTPUT_TOKENS = 2_000
_THOUGHTS = 25_000
"""Beside them, for a model that thinks: what it thinks counts against the limit (OpenAI, Reasoning models guide)."""

Message = dict[str, Any]
"""As the chat endpoint takes it: role and content."""


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that the model may look up. `run` may wait; a BatchgenError that it raises is told to the model."""

    name: str
    description: str
    arguments: type[BaseModel]
    run: Callable[[Any], Any]

    def definition(self) -> dict[str, Any]:
        """How the model is told of it."""
        parameters = self.arguments.model_json_schema() | {"additionalProperties": False}
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": parameters},
        }


@dataclass(slots=True)
class Reply:
    """What a turn came to, and what it cost."""

    model: str
    text: str = ""
    results: list[Any] = field(default_factory=list)
    """What the tools said."""
    called: list[str] = field(default_factory=list)
    """Their names, in the order of the calls."""
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal = Decimal(0)
    simulated: bool = False

    def add(self, other: Reply) -> None:
        """Count what another turn cost."""
        self.usage += other.usage
        self.cost_usd += other.cost_usd
        self.simulated = self.simulated or other.simulated


class ChatEngine:
    """Asks the model of one service. Raises InvalidModelError, ModelNonsense, Unavailable, AccessDenied,
    RequestRefused."""

    def __init__(self, manager: OpenAIClientManager, service: str) -> None:
        """Take the manager, and the name of the service whose policy holds."""
        self._manager = manager
        self._service = service

    def model(self, model_id: str | None) -> str:
        """The model that is named, if the service may use it; else the service's default."""
        return self._manager.policies.choose(model_id, self._service).model

    async def ask(
        self,
        messages: Sequence[Message],
        *,
        model: str,
        tools: Sequence[Tool] = (),
        schema: dict[str, Any] | None = None,
        time_limit_s: float = TIME_LIMIT_S,
    ) -> Reply:
        """Return the answer to the messages; with a strict JSON `schema`, JSON of this form."""
        try:
            async with asyncio.timeout(time_limit_s):
                return await self._turn([*messages], model, {tool.name: tool for tool in tools}, schema)
        except TimeoutError as late:
            raise Unavailable(service=SERVICE, problem=f"no answer within {time_limit_s:g} s") from late

    async def _turn(
        self, messages: list[Message], model: str, tools: dict[str, Tool], schema: dict[str, Any] | None
    ) -> Reply:
        reply = Reply(model)
        config = self._manager.catalog.facts(model)
        for left in range(_ROUNDS, -1, -1):
            asked = _body(messages, model, tools, schema, may_call=left > 0)
            body = await self._post(asked | _thinking(config, tools), reply)
            message = _message(body)
            calls = [call for call in message.get("tool_calls") or () if isinstance(call, dict)]
            if not calls or not tools or not left:
                reply.text = _text(body)
                return reply
            messages.append({"role": "assistant", "content": message.get("content"), "tool_calls": calls})
            messages += [await _called(call, tools, reply) for call in calls]
        raise ModelNonsense(problem="it calls tools without end")

    async def _post(self, body: dict[str, Any], reply: Reply) -> dict[str, Any]:
        path = "chat/completions"
        with openai_errors(path):
            answered: Any = await self._manager.get_client().post(f"/{path}", body=body, cast_to=dict[str, Any])
        if not isinstance(answered, dict):
            raise ModelNonsense(problem="it is no JSON object")
        cost = await asyncio.to_thread(
            record_call, self._manager, answered, Endpoint.CHAT, service=self._service, model=reply.model
        )
        reply.add(Reply(reply.model, usage=cost.usage, cost_usd=cost.cost_usd, simulated=cost.simulated))
        return answered


def _body(
    messages: Sequence[Message],
    model: str,
    tools: dict[str, Tool],
    schema: dict[str, Any] | None,
    *,
    may_call: bool,
) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model, "messages": messages, "max_completion_tokens": MAX_OUTPUT_TOKENS}
    if tools:
        body["tools"] = [tool.definition() for tool in tools.values()]
        body["tool_choice"] = "auto" if may_call else "none"
    if schema is not None:
        named = {"name": "answer", "strict": True, "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    return body


def _thinking(config: ModelConfig, tools: dict[str, Tool]) -> dict[str, Any]:
    """The parts of a body that say how much the model may think."""
    if tools and config.tools_reasoning_effort is not None:
        return {"reasoning_effort": config.tools_reasoning_effort}
    if config.can(ModelCapability.REASONING):
        return {"max_completion_tokens": min(MAX_OUTPUT_TOKENS + _THOUGHTS, config.max_tokens)}
    return {}


def _message(body: dict[str, Any]) -> dict[str, Any]:
    try:
        message = body["choices"][0]["message"]
    except (KeyError, IndexError, TypeError):
        message = None
    if not isinstance(message, dict):
        raise ModelNonsense(problem="it holds no message")
    return message


def _text(body: dict[str, Any]) -> str:
    answer = read_body(body, Endpoint.CHAT)
    if isinstance(answer, Failure):
        raise ModelNonsense(problem=answer.message)
    if answer.problem is not None:
        raise ModelNonsense(problem=f"{answer.problem}: {answer.detail}")
    return answer.text


async def _called(call: dict[str, Any], tools: dict[str, Tool], reply: Reply) -> Message:
    """Carry out a call; returns the message that tells its result, or what was wrong with it."""
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    name, arguments = str(function.get("name")), function.get("arguments")
    tool = tools.get(name)
    try:
        result = {"error": "there is no such tool"} if tool is None else await _run(tool, arguments)
    except ValidationError as error:
        result = {"error": "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())}
    except BatchgenError as error:
        result = {"error": str(error)}
    else:
        if tool is not None:
            reply.results.append(result)
            reply.called.append(name)
    log.debug("tool_called", tool=name)
    text = orjson.dumps(result, default=str).decode()
    if len(text) > _RESULT_CHARACTERS:
        text = f"{text[:_RESULT_CHARACTERS]}… (cut: ask for less)"
    return {"role": "tool", "tool_call_id": str(call.get("id")), "content": text}


async def _run(tool: Tool, arguments: Any) -> Any:
    text = arguments if isinstance(arguments, str) else orjson.dumps(arguments)  # some servers send an object
    return await asyncio.to_thread(tool.run, tool.arguments.model_validate_json(text or "{}"))
