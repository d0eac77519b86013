"""Strings for a JSON schema that read as if they were about the prompt, chosen by the name of the property."""

import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any

from batchgen.simulator.generated_tests import generated_test
from batchgen.simulator.pattern_text import matching
from batchgen.simulator.prompt_facts import PromptFacts, normal_key

FORMATS = {
    "date-time": "2025-01-15T09:30:00Z",
    "date": "2025-01-15",
    "time": "09:30:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "6f1a2b3c-4d5e-4f60-8a7b-9c0d1e2f3a4b",
    "uri": "https://example.com/",
}
PADDING = "with the details given in the request"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the answer a value stands."""

    name: str = ""
    parent: str = ""
    index: int = 0
    depth: int = 0
    path: str = ""
    is_pair: bool = False
    """part of an object that names a thing and gives its value, such as an attribute"""

    def inside(self, name: str, *, siblings: Container[str]) -> "Place":
        pair = name in {"name", "key", "label", "value"} and "value" in siblings
        return Place(name, self.name or self.parent, self.index, self.depth + 1, f"{self.path}/{name}", pair)

    def item(self, index: int) -> "Place":
        return Place("", self.name or self.parent, index, self.depth + 1, f"{self.path}/{index}")


def wording(node: dict[str, Any], place: Place, facts: PromptFacts) -> str:
    """A string for ``place`` that keeps the schema's format, pattern and length."""
    if node.get("format") in FORMATS:
        return FORMATS[node["format"]]
    text = _worded(place, facts)
    pattern = node.get("pattern")
    if pattern is not None and re.search(pattern, text) is None:
        return matching(pattern) or text
    return _to_length(text, node.get("minLength", 0), node.get("maxLength"))


def _worded(place: Place, facts: PromptFacts) -> str:
    if place.is_pair:
        return _pair(place, facts)
    name = normal_key(place.name or place.parent)
    for hint, worded in _HINTS:
        if hint.search(name):
            return worded(place, facts)
    return _phrase(place, facts)


def _code(place: Place, facts: PromptFacts) -> str:
    return generated_test(facts.prompt) or _phrase(place, facts)


def _title(place: Place, facts: PromptFacts) -> str:
    brand = facts.values.get("brand")
    named = facts.subject
    if isinstance(brand, str) and brand and brand.lower() not in named.lower():
        named = f"{brand} {named}"
    extra = next((value for _, value in facts.details if value.lower() not in named.lower()), "")
    title = f"{named}, {extra}" if extra and facts.below(2, place.path) else named
    return title if place.name else f"{title} {place.index + 1}"


def _description(place: Place, facts: PromptFacts) -> str:
    told = [f"{label} {value}" for label, value in facts.details if value != facts.subject][:4]
    openings = ("Meet", "Discover", "Here is", "Take a look at")
    opening = openings[facts.below(len(openings), place.path)]
    if not told:
        return f"{opening} {facts.subject}: {' '.join(facts.words[:12])}."
    return f"{opening} {facts.subject}. The essentials: {', '.join(told)}."


def _bullet(place: Place, facts: PromptFacts) -> str:
    if place.index < len(facts.details):
        label, value = facts.details[place.index]
        return f"{label.capitalize()}: {value}"
    return f"{facts.subject}, point {place.index + 1}"


def _keyword(place: Place, facts: PromptFacts) -> str:
    if place.name:
        return ", ".join(facts.words[:5]) or "simulated"
    if place.index < len(facts.words):
        return facts.words[place.index]
    return f"keyword {place.index + 1}"


def _category(place: Place, facts: PromptFacts) -> str:
    for key in ("category", "department", "type", "product_type", "group"):
        value = facts.values.get(key)
        if isinstance(value, str) and value:
            return value
    return "General" if place.name else f"General {place.index + 1}"


def _pair(place: Place, facts: PromptFacts) -> str:
    told = [(label, value) for label, value in facts.details if value != facts.subject]
    if place.index >= len(told):
        return f"detail {place.index + 1}" if place.name != "value" else "as described"
    label, value = told[place.index]
    return value if place.name == "value" else label


def _language(_place: Place, _facts: PromptFacts) -> str:
    return "en"


def _template(_place: Place, _facts: PromptFacts) -> str:
    return "Write about this: {{ row | tojson }}"


def _phrase(place: Place, facts: PromptFacts) -> str:
    words = facts.words or ["simulated"]
    start = facts.below(len(words), place.path)
    chosen = [words[(start + offset) % len(words)] for offset in range(min(5, len(words)))]
    text = " ".join(chosen).capitalize()
    return text if place.name else f"{text} {place.index + 1}"


def _field(place: Place, facts: PromptFacts) -> str:
    word = facts.words[place.index] if place.index < len(facts.words) else "field"
    return f"{word}_text_{place.index + 1}"


def _forbidden(place: Place, _facts: PromptFacts) -> str:
    return ("guaranteed cure", "best price ever", "risk free")[place.index % 3]


_HINTS: tuple[tuple[re.Pattern[str], Callable[[Place, PromptFacts], str]], ...] = (
    (re.compile(r"(^|_)(code|tests?)($|_)"), _code),
    (re.compile(r"(^|_)field_name$"), _field),
    (re.compile(r"(^|_)forbidden"), _forbidden),
    (re.compile(r"title|headline|(^|_)name$"), _title),
    (re.compile(r"description|summary|text$|body$|paragraph"), _description),
    (re.compile(r"bullet|point|feature|highlight"), _bullet),
    (re.compile(r"keyword|(^|_)tags?$|seo"), _keyword),
    (re.compile(r"categor"), _category),
    (re.compile(r"language|locale"), _language),
    (re.compile(r"(^|_)template$"), _template),
)


def _to_length(text: str, least: int, most: int | None) -> str:
    while len(text) < least:
        text = f"{text} {PADDING}"
    if most is None or len(text) <= most:
        return text
    cut = text[:most].rsplit(" ", 1)[0].rstrip(" ,:;-")
    return cut if len(cut) >= max(least, 1) else text[:most]
