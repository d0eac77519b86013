"""The answers given when no script is set: they fit the JSON schema asked for and vary with the prompt."""

from typing import Any

import orjson

from batchgen.simulator.answers import Answer, AnswerRequest
from batchgen.simulator.generated_tests import generated_test
from batchgen.simulator.json_schema import SchemaAnswer
from batchgen.simulator.prompt_facts import PromptFacts
from batchgen.simulator.prompt_text import user_text
from batchgen.simulator.tool_calls import tool_answer

OPENINGS = ("In short", "Briefly", "To sum up", "In plain words", "Put simply")
CLOSINGS = (
    "That covers the main point.",
    "The rest follows from there.",
    "More detail would not change the picture.",
    "This is the part that matters most.",
)


def default_script(request: AnswerRequest) -> Answer:
    """The same body always gets the same answer."""
    body = request.body
    if request.endpoint == "/v1/embeddings":
        return Answer()
    called = tool_answer(body)
    if called is not None:
        return called
    prompt = user_text(body)
    wanted = _format(body)
    if wanted is None:
        test = generated_test(prompt)
        return Answer(plain_text(prompt) if test is None else f"```python\n{test}```\n")
    if wanted.get("type") == "json_object":
        return Answer(orjson.dumps({"answer": plain_text(prompt)}).decode())
    schema = (wanted.get("json_schema") or wanted).get("schema")
    if not isinstance(schema, dict):
        return Answer(plain_text(prompt))
    return Answer(orjson.dumps(SchemaAnswer(schema, PromptFacts(prompt)).value()).decode())


def _format(body: dict[str, Any]) -> dict[str, Any] | None:
    """What the request says about JSON: ``response_format`` in chat, ``text.format`` in responses."""
    wanted = body.get("response_format")
    if wanted is None:
        wanted = (body.get("text") or {}).get("format")
    return wanted if isinstance(wanted, dict) and wanted.get("type") != "text" else None


def plain_text(prompt: str) -> str:
    """A few sentences around the prompt's first words, another choice for each prompt."""
    facts = PromptFacts(prompt)
    subject = " ".join(prompt[:160].split()[:14]).rstrip(".,:;?!") or "an empty prompt"
    opening, closing = OPENINGS[facts.seed % len(OPENINGS)], CLOSINGS[facts.seed // 7 % len(CLOSINGS)]
    return f"{opening}: {subject}. {closing} (Simulated answer {_lettered(facts.seed)}.)"


def _lettered(number: int) -> str:
    """A number without digits: nobody shall take it for a figure of the answer."""
    return "".join("bcdfghjklmnpqrst"[int(digit, 16)] for digit in f"{number:08x}")
