"""Which tool a request's last question asks for, and what is said once the tools have answered."""

import json
import re
from typing import Any

from batchgen.simulator.answers import Answer
from batchgen.simulator.json_schema import SchemaAnswer
from batchgen.simulator.prompt_facts import WORD, PromptFacts

TOLD = 8
"""Facts of a tool's answer that are repeated."""


def tool_answer(body: dict[str, Any]) -> Answer | None:
    """Call a tool, or tell what the tools said; None for a request without tools."""
    functions = [tool["function"] for tool in body.get("tools") or () if tool.get("type") == "function"]
    messages = body.get("messages")
    if not functions or not isinstance(messages, list):
        return None
    asked = max((at for at, message in enumerate(messages) if message.get("role") == "user"), default=-1)
    results = [message for message in messages[asked + 1 :] if message.get("role") == "tool"]
    if results:
        return Answer(_told([str(message.get("content")) for message in results]))
    if body.get("tool_choice") == "none":
        return None
    return _call(functions, str(messages[asked].get("content")) if asked >= 0 else "")


def _call(functions: list[dict[str, Any]], question: str) -> Answer | None:
    facts = PromptFacts(question)
    words = {word.lower().rstrip("s") for word in WORD.findall(question)}
    possible = [function for function in functions if _ids(function, question) is not None]
    if not possible:
        return None
    chosen = max(possible, key=lambda function: (len(_ids(function, question) or ()), len(words & _words(function))))
    facts.values.update(_ids(chosen, question) or {})
    arguments = SchemaAnswer(chosen.get("parameters") or {"type": "object"}, facts).value()
    return Answer(tool_calls=((chosen["name"], json.dumps(arguments)),))


def _words(function: dict[str, Any]) -> set[str]:
    text = f"{function['name'].replace('_', ' ')} {function.get('description', '')}"
    return {word.lower().rstrip("s") for word in WORD.findall(text)}


def _ids(function: dict[str, Any], question: str) -> dict[str, str] | None:
    """The ids that the function needs, as the question names them (``job shoes-1``); None where one is missing."""
    parameters = function.get("parameters") or {}
    found = {}
    for name, schema in parameters.get("properties", {}).items():
        if not name.endswith("_id"):
            continue
        match = re.search(rf"\b{name.removesuffix('_id')}\s+[`\"']?([\w.-]*\w)", question, re.IGNORECASE)
        if match is not None:
            found[name] = match[1]
        elif name in parameters.get("required", ()) and schema.get("type") == "string":
            return None
    return found


def _told(results: list[str]) -> str:
    objects = [found for result in results for found in _objects(result)]
    told = [f"{label} {value}" for each in objects for label, value in PromptFacts(json.dumps(each)).details]
    return f"From what is stored: {'; '.join(told[:TOLD])}." if told else "Nothing of that is stored."


def _objects(result: str) -> list[dict[str, Any]]:
    """The objects that a result lists, else the result itself."""
    try:
        whole = json.loads(result)
    except ValueError:
        return []
    if not isinstance(whole, dict):
        return []
    listed = [each for value in whole.values() if isinstance(value, list) for each in value if isinstance(each, dict)]
    return listed or [whole]
