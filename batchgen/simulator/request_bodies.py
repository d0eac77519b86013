"""Checks a request body as the endpoint would: the same for a call outside a batch and for a line in one."""

import re
from typing import Any, NoReturn

from batchgen.simulator.api_errors import ApiError
from batchgen.simulator.models import NO_THINKING_WITH_TOOLS, THINKING_ALWAYS
from batchgen.simulator.strict_schema import check_strict

ROLES = ("system", "user", "assistant", "tool", "developer", "function")
SCHEMA_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def check_body(endpoint: str, body: dict[str, Any]) -> None:
    """Raises the ApiError (HTTP 400) that OpenAI would answer. The model is checked elsewhere."""
    if body.get("stream"):
        _refuse("Streaming is not supported by the simulator; send the request without 'stream'.", "stream")
    if endpoint == "/v1/chat/completions":
        _check_chat(body)
    elif endpoint == "/v1/responses":
        _check_responses(body)
    else:
        _check_embeddings(body)


def _refuse(message: str, param: str | None, code: str | None = None) -> NoReturn:
    raise ApiError(400, message, param=param, code=code)


def _refuse_missing(param: str) -> NoReturn:
    _refuse(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")


def _refuse_empty(param: str) -> NoReturn:
    wanted = "Expected an array with minimum length 1, but got an empty array instead."
    _refuse(f"Invalid '{param}': empty array. {wanted}", param, "empty_array")


def _refuse_type(param: str, wanted: str) -> NoReturn:
    _refuse(f"Invalid type for '{param}': expected {wanted}.", param, "invalid_type")


def _check_chat(body: dict[str, Any]) -> None:
    messages = body.get("messages")
    if messages is None:
        _refuse_missing("messages")
    if not isinstance(messages, list):
        _refuse_type("messages", "an array of objects")
    if not messages:
        _refuse_empty("messages")
    for index, message in enumerate(messages):
        _check_message(message, f"messages[{index}]")
    _check_effort(body)
    _check_limit(body, "max_tokens")
    _check_limit(body, "max_completion_tokens")
    if body.get("response_format") is not None:
        _check_format(body["response_format"], "response_format")


def _check_effort(body: dict[str, Any]) -> None:
    """The model is checked elsewhere, and may be anything."""
    model, effort = str(body.get("model")), body.get("reasoning_effort")
    if effort == "none" and model.startswith(THINKING_ALWAYS):
        _refuse(
            f"Unsupported value: 'reasoning_effort' does not support 'none' with the model '{model}'.",
            "reasoning_effort",
            "unsupported_value",
        )
    if body.get("tools") and effort != "none" and model.startswith(NO_THINKING_WITH_TOOLS):
        _refuse(
            f"Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions. "
            "To use function tools, use /v1/responses or set reasoning_effort to 'none'.",
            "reasoning_effort",
        )


def _check_responses(body: dict[str, Any]) -> None:
    given = body.get("input")
    if given is None:
        _refuse_missing("input")
    if not isinstance(given, str | list):
        _refuse_type("input", "a string or an array")
    if given == []:
        _refuse_empty("input")
    if isinstance(given, list):
        for index, item in enumerate(given):
            _check_item(item, f"input[{index}]")
    _check_limit(body, "max_output_tokens")
    text = body.get("text")
    if isinstance(text, dict) and text.get("format") is not None:
        _check_format(text["format"], "text.format")


def _check_embeddings(body: dict[str, Any]) -> None:
    given = body.get("input")
    if given is None:
        _refuse_missing("input")
    if given in ("", []) or not isinstance(given, str | list):
        _refuse("'$.input' is invalid. Please check the API reference.", None)


def _check_item(item: Any, place: str) -> None:
    """An item of the responses' ``input``: a message, or something the simulator does not look into."""
    if not isinstance(item, dict):
        _refuse_type(place, "an object")
    if item.get("type", "message") == "message":
        _check_message(item, place)


def _check_message(message: Any, place: str) -> None:
    if not isinstance(message, dict):
        _refuse_type(place, "an object")
    role = message.get("role")
    if role is None:
        _refuse_missing(f"{place}.role")
    if role not in ROLES:
        supported = ", ".join(f"'{known}'" for known in ROLES)
        _refuse(f"Invalid value: '{role}'. Supported values are: {supported}.", f"{place}.role", "invalid_value")
    content = message.get("content")
    if not isinstance(content, str) and not (content is None and role == "assistant"):
        _check_parts(content, f"{place}.content")


def _check_parts(content: Any, param: str) -> None:
    if content is None:
        _refuse(f"Invalid value for '{param}': expected a string, got null.", param, "invalid_type")
    if not isinstance(content, list) or not content:
        _refuse_type(param, "one of a string or array of objects")
    for index, part in enumerate(content):
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            _refuse_missing(f"{param}[{index}].type")


def _check_limit(body: dict[str, Any], name: str) -> None:
    value = body.get(name)
    if value is not None and not (isinstance(value, int) and value >= 1):
        text = f"Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {value!r} instead."
        _refuse(text, name, "integer_below_min_value")


def _check_format(given: Any, param: str) -> None:
    """Chat nests name and schema in ``response_format.json_schema``; responses have them in ``text.format`` itself."""
    kind = given.get("type") if isinstance(given, dict) else None
    if kind in {"text", "json_object"}:
        return
    if kind != "json_schema":
        text = f"Invalid value: {kind!r}. Supported values are: 'json_object', 'json_schema', and 'text'."
        _refuse(text, f"{param}.type", "invalid_value")
    if param == "response_format":
        _check_named_schema(given.get("json_schema"), "response_format.json_schema", param)
    else:
        _check_named_schema(given, param, param)


def _check_named_schema(held: Any, place: str, param: str) -> None:
    if not isinstance(held, dict):
        _refuse_missing(place)
    name = held.get("name")
    if not isinstance(name, str):
        _refuse_missing(f"{place}.name")
    if not SCHEMA_NAME.fullmatch(name):
        text = f"Invalid '{place}.name': expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        _refuse(text, f"{place}.name", "invalid_value")
    if held.get("strict"):
        if "schema" not in held:
            _refuse_missing(f"{place}.schema")
        check_strict(held["schema"], name=name, param=param)
