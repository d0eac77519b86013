"""What a prompt says, as far as a simulator can tell: its JSON objects, and a seed that varies with its text."""

import json
import re
import zlib
from functools import cached_property
from typing import Any

MAX_ATTEMPTS = 50
SUBJECT_KEYS = ("title", "name", "product_name", "product", "item", "label", "headline", "model", "topic", "subject")
NOT_TELLING = {"id", "sku", "ean", "gtin", "url", "image", "image_url", "price", "currency"}
WORD = re.compile(r"[^\W\d_]{4,}")


def normal_key(key: str) -> str:
    """``Bullet Points`` and ``bullet_points`` are the same key."""
    return re.sub(r"[\W_]+", "_", key.strip().lower()).strip("_")


class PromptFacts:
    """Each view on the prompt is worked out when it is first asked for: most answers need only the seed."""

    def __init__(self, prompt: str) -> None:
        self.prompt = prompt
        self.seed = zlib.crc32(prompt.encode())

    @cached_property
    def values(self) -> dict[str, Any]:
        """Normalised key → value over all JSON objects in the prompt, nested ones too; the first mention counts."""
        found: dict[str, Any] = {}
        for item in _json_objects(self.prompt):
            _collect(item, found)
        return found

    @cached_property
    def details(self) -> list[tuple[str, str]]:
        """(label, value) of every plain fact worth telling."""
        told = []
        for key, value in self.values.items():
            if isinstance(value, str | int | float) and value not in ("", True, False) and key not in NOT_TELLING:
                told.append((key.replace("_", " "), _short(str(value))))
        return told

    @cached_property
    def subject(self) -> str:
        """What the prompt is about, in a few words."""
        for key in SUBJECT_KEYS:
            value = self.values.get(key)
            if isinstance(value, str) and value.strip():
                return _short(value)
        if self.details:
            return self.details[0][1]
        return " ".join(self.words[:4]).capitalize() or "Untitled"

    @cached_property
    def words(self) -> list[str]:
        """Telling words in lower case, each once: those of the facts, else the last ones of the prompt."""
        source = " ".join(value for _, value in self.details) or self.prompt[-600:]
        return list(dict.fromkeys(word.lower() for word in WORD.findall(source)))

    def below(self, limit: int, salt: str = "") -> int:
        """A number from 0 to ``limit - 1`` that depends on the prompt and ``salt`` alone."""
        return zlib.crc32(salt.encode(), self.seed) % limit if limit > 1 else 0


def _json_objects(text: str) -> list[dict[str, Any]]:
    decoder, found, place = json.JSONDecoder(), [], text.find("{")
    for _ in range(MAX_ATTEMPTS):
        if place < 0:
            break
        try:
            value, end = decoder.raw_decode(text, place)
        except (json.JSONDecodeError, RecursionError):
            end = place + 1
        else:
            found.append(value)
        place = text.find("{", end)
    return found


def _collect(item: dict[str, Any], found: dict[str, Any]) -> None:
    for key, value in item.items():
        found.setdefault(normal_key(key), value)
    for value in item.values():
        if isinstance(value, dict):
            _collect(value, found)


def _short(text: str, limit: int = 120) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0]
