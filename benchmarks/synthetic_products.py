"""Products that are made up, with some that nearly repeat an earlier one and some that are its variants."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from batchgen.data_types.contract import Record, Result

_WORDS = {
    "kind": "mug bottle lamp chair table blanket jacket backpack kettle knife pan bowl vase clock pillow towel basket",
    "look": "sturdy light handmade soft durable modern classic elegant practical compact robust versatile smooth",
    "stuff": "stoneware steel oak cotton wool leather linen glass bamboo ceramic aluminium walnut cork felt marble",
    "use": "breakfast travel work camping gardening holidays evenings guests children picnics tea",
    "name": "ka lo mi ru te sa no pi va zu rin lan dor mas vel tik bon fer gul hem",
}
_SENTENCES = (
    "The {name} is a {look} {kind} of {stuff}.",
    "It is made for {use} and does well for {use}, too.",
    "Its surface of {stuff} is {look} and easy to clean.",
    "Whoever likes {use} will want a {kind} that is {look}.",
    "It weighs {number} g and comes in a {look} box.",
    "After years of {use} the {stuff} still looks {look}.",
    "{name} goes with every {kind} of the same series.",
)
_REWORDED = (("easy to clean", "simple to clean"), ("is made for", "was made for"), ("every", "each"), (".", "!"))
_REMEMBERED = 2_000


@dataclass(frozen=True)
class Product:
    """A result, and what it repeats (None: nothing)."""

    result: Result
    repeats: str | None
    is_variant: bool = False


def made_up_products(count: int, seed: int = 1) -> Iterator[Product]:
    """Yield so many: about one in 50 repeats an earlier one in slightly other words, one in 50 is a variant of one."""
    chance = random.Random(seed)  # noqa: S311 - the same products every time, no secrets
    earlier: list[tuple[str, dict[str, str]]] = []
    for number in range(count):
        name, drawn = f"P-{number}", chance.random()
        if earlier and drawn < 0.02:  # noqa: PLR2004 - one in 50
            of, texts = chance.choice(earlier)
            yield Product(_result(name, _reworded(texts, chance)), of)
        elif earlier and drawn < 0.04:  # noqa: PLR2004
            _, texts = chance.choice(earlier)
            changed = {key: f"{text} Set of {chance.randint(2, 99)}." for key, text in texts.items()}
            yield Product(_result(name, changed), None, is_variant=True)
        else:
            texts = _texts(chance)
            if len(earlier) < _REMEMBERED:
                earlier.append((name, texts))
            yield Product(_result(name, texts), None)


def _texts(chance: random.Random) -> dict[str, str]:
    words = {key: values.split() for key, values in _WORDS.items()}
    name = "".join(chance.choices(words["name"], k=3)).title()
    kind, stuff = chance.choice(words["kind"]), chance.choice(words["stuff"])

    def filled(sentence: str) -> str:
        drawn = {key: chance.choice(words[key]) for key in ("look", "use")}
        return sentence.format(name=name, kind=kind, stuff=stuff, number=chance.randint(50, 5_000), **drawn)

    sentences = chance.sample(_SENTENCES, chance.randint(4, 6))
    title = filled("{name}, {look} {kind} of {stuff}")
    return {"title": title, "description": " ".join(map(filled, sentences))}


def _reworded(texts: dict[str, str], chance: random.Random) -> dict[str, str]:
    old, new = chance.choice(_REWORDED)
    return {key: text.replace(old, new) for key, text in texts.items()}


def _result(name: str, texts: dict[str, str]) -> Result:
    return Result(Record(name, {"sku": name}), texts, 1)
