"""The answers given without a script: they fit the schema, use the prompt, and vary with it."""

import importlib
import inspect
import json
import textwrap
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchgen.simulator import Answer, AnswerRequest, default_script

from .lab import CHAT, Lab, chat_line

FACTS = {
    "sku": "KT-1042",
    "name": "Walnut cutting board",
    "brand": "Hofmann & Söhne",
    "price": 39.9,
    "material": "walnut wood",
    "weight_g": 1250,
    "category": "Kitchen",
    "discount": None,
}
PRODUCT = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "sku",
        "price",
        "brand",
        "discount",
        "title",
        "description",
        "bullet_points",
        "category",
        "attributes",
        "seo_keywords",
    ],
    "properties": {
        "sku": {"type": "string"},
        "price": {"type": ["number", "null"]},
        "brand": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "discount": {"type": ["number", "null"]},
        "title": {"type": "string", "minLength": 10, "maxLength": 60},
        "description": {"type": "string", "minLength": 80, "maxLength": 400},
        "bullet_points": {"type": "array", "items": {"type": "string"}, "minItems": 3, "maxItems": 5},
        "category": {"type": "string"},
        "attributes": {"type": "array", "items": {"$ref": "#/$defs/Attribute"}, "minItems": 1},
        "seo_keywords": {"type": "array", "items": {"type": "string"}, "minItems": 3},
    },
    "$defs": {
        "Attribute": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "value"],
            "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
        }
    },
}


def answer(prompt: str, **body: Any) -> str:
    messages = [{"role": "system", "content": 'Answer as JSON, like {"sku": "EXAMPLE"}.'}]
    messages.append({"role": "user", "content": prompt})
    made = default_script(AnswerRequest(CHAT, {"model": "gpt-4o", "messages": messages, **body}))
    assert isinstance(made, Answer)
    return made.text


def structured(prompt: str, schema: dict[str, Any]) -> Any:
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    return json.loads(answer(prompt, response_format=wanted))


def test_a_product_answer_repeats_the_facts_and_speaks_of_them() -> None:
    made = structured(f"Write a listing for this product:\n{json.dumps(FACTS)}\nUse its facts.", PRODUCT)
    jsonschema.validate(made, PRODUCT)
    for name in ("sku", "price", "brand", "discount", "category"):
        assert made[name] == FACTS[name]
    assert "Walnut cutting board" in made["title"]
    assert "Walnut cutting board" in made["description"]
    assert any("walnut wood" in point for point in made["bullet_points"])
    assert {"name": "material", "value": "walnut wood"} in made["attributes"]
    assert "walnut" in made["seo_keywords"]
    assert len(set(made["bullet_points"])) == len(made["bullet_points"])


def test_both_endpoints_and_all_kinds_of_content_reach_the_script(lab: Lab) -> None:
    schema = {
        "type": "object",
        "properties": {"sku": {"type": "string"}},
        "required": ["sku"],
        "additionalProperties": False,
    }
    held = {"type": "json_schema", "name": "a", "strict": True, "schema": schema}
    content = [{"type": "input_text", "text": 'Facts: {"sku": "A-1"}'}]
    messages: Any = [{"role": "user", "content": content}]
    text: Any = {"format": held}
    made = lab.client.responses.create(model="gpt-4o", input=messages, text=text)
    assert json.loads(made.output_text) == {"sku": "A-1"}
    chat = chat_line("a", '{"sku": "B-2"}', response_format={"type": "json_schema", "json_schema": held})
    assert json.loads(lab.answers(lab.run([chat]))["a"]) == {"sku": "B-2"}


def test_a_fact_that_does_not_fit_the_schema_is_not_repeated() -> None:
    schema = {"type": "object", "properties": {"price": {"type": "integer", "minimum": 5, "maximum": 9}}}
    assert 5 <= structured('{"price": "cheap"}', schema)["price"] <= 9
    assert structured('{"price": 7}', schema)["price"] == 7


def test_an_enum_takes_what_the_facts_say() -> None:
    schema = {"type": "object", "properties": {"department": {"enum": ["Garden", "Kitchen", None]}}}
    assert structured('{"name": "Pot", "category": "Kitchen"}', schema) == {"department": "Kitchen"}


def test_answers_vary_with_the_prompt_and_repeat_for_the_same() -> None:
    texts = {answer(f"Tell me about number {number}") for number in range(100)}
    assert len(texts) == 100
    assert answer("again") == answer("again")
    schema = {"type": "object", "properties": {"score": {"type": "integer", "minimum": 1, "maximum": 1000}}}
    assert len({structured(f"Record {number}", schema)["score"] for number in range(100)}) > 50


def test_json_mode_answers_an_object() -> None:
    assert isinstance(json.loads(answer("Answer in JSON.", response_format={"type": "json_object"})), dict)


def leaves() -> st.SearchStrategy[dict[str, Any]]:
    numbers = st.integers(-50, 50)
    return st.one_of(
        st.builds(lambda: {"type": "boolean"}),
        st.builds(lambda: {"type": "null"}),
        st.builds(lambda value: {"const": value}, st.one_of(st.text(), numbers)),
        st.builds(lambda values: {"enum": values}, st.lists(st.one_of(st.text(), st.none(), numbers), min_size=1)),
        st.builds(
            lambda low, more: {"type": "integer", "minimum": low, "maximum": low + more}, numbers, st.integers(0, 9)
        ),
        st.builds(lambda low: {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": low + 1}, numbers),
        st.builds(lambda step: {"type": "integer", "multipleOf": step}, st.integers(1, 7)),
        st.builds(lambda top: {"type": "number", "maximum": top}, numbers),
        st.builds(
            lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more},
            st.integers(0, 90),
            st.integers(0, 40),
        ),
        st.builds(
            lambda pattern: {"type": "string", "pattern": pattern},
            st.sampled_from([r"^[A-Z]{3}-\d{4}$", r"^(on|off)$", r"^\w+@\w+\.com$", r"^[^a]b?c*$", r"\s"]),
        ),
        st.builds(lambda kind: {"type": [kind, "null"]}, st.sampled_from(["string", "integer", "number", "boolean"])),
        st.just({"$ref": "#/$defs/leaf"}),
    )


def containers(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from(["title", "tags", "name", "value", "code", "x", "bullet_points", "sku"])
    return st.one_of(
        st.builds(
            lambda item, least, more: {"type": "array", "items": item, "minItems": least, "maxItems": least + more},
            inner,
            st.integers(0, 4),
            st.integers(0, 3),
        ),
        st.builds(
            lambda properties: {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            },
            st.dictionaries(names, inner, max_size=4),
        ),
        st.builds(lambda branches: {"anyOf": branches}, st.lists(inner, min_size=1, max_size=3)),
    )


PROMPTS = st.sampled_from(["", "Describe it.", json.dumps(FACTS), '{"title": 5, "x": [1], "tags": ["a"], "sku": ""}'])


@settings(max_examples=200, deadline=None)
@given(st.recursive(leaves(), containers, max_leaves=12), PROMPTS)
def test_every_answer_satisfies_its_schema(inner: dict[str, Any], prompt: str) -> None:
    schema = {
        "type": "object",
        "properties": {"root": inner},
        "required": ["root"],
        "$defs": {"leaf": {"type": "string", "minLength": 1}},
    }
    jsonschema.validate(structured(prompt, schema), schema)


def test_a_recursive_schema_ends() -> None:
    node = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
        },
        "required": ["name", "children", "next"],
        "additionalProperties": False,
    }
    schema = {"$ref": "#/$defs/node", "$defs": {"node": node}}
    jsonschema.validate(structured("a tree", schema), schema)


TARGETS = [
    ("json.decoder", "JSONDecoder"),
    ("json.decoder", "JSONDecoder.decode"),
    ("json.decoder", "py_scanstring"),
    ("json", "dumps"),
    ("textwrap", "TextWrapper"),
    ("textwrap", "indent"),
    ("heapq", "heappush"),
    ("fractions", "Fraction.numerator"),
    ("statistics", "NormalDist"),
    ("bisect", "insort_right"),
    ("collections", "Counter.fromkeys"),
    ("enum", "Flag"),
]


def code_prompt(module_name: str, name: str, *, shows_source: bool) -> str:
    module = importlib.import_module(module_name)
    target: Any = module
    for step in name.split("."):
        target = inspect.getattr_static(target, step)
    target = getattr(target, "fget", None) or getattr(target, "__func__", target)
    path = module_name.replace(".", "/") + ("/__init__.py" if hasattr(module, "__path__") else ".py")
    prompt = f"Write tests.\n\nTarget: {path}:{name} lines 1-9\n"
    if not shows_source:
        return prompt
    try:
        source = textwrap.dedent(inspect.getsource(target))
    except TypeError:
        return prompt
    return f"{prompt}\n```python\n{source}```\n"


@pytest.mark.parametrize("shows_source", [True, False])
@pytest.mark.parametrize(("module", "name"), TARGETS)
def test_a_test_for_python_code_names_its_target_and_passes(module: str, name: str, shows_source: bool) -> None:
    text = answer(code_prompt(module, name, shows_source=shows_source))
    assert text.startswith("```python\n")
    code = text.removeprefix("```python\n").removesuffix("```\n")
    assert f"from {module} import {name.partition('.')[0]}\n" in code
    scope: dict[str, Any] = {}
    exec(compile(code, "generated", "exec"), scope)  # noqa: S102 - our own generator's code about the standard library
    tests = [value for key, value in scope.items() if key.startswith("test_")]
    assert tests
    for test in tests:
        test()


@pytest.mark.parametrize(
    ("name", "source", "call"),
    [
        ("pay", "def pay(amount: float, *, to: str, note=''): ...", 'pay(1.5, to="a")'),
        ("pay", "async def pay(items, n): ...", 'pay(["a"], 1)'),
        ("Cart.add", "@staticmethod\ndef add(item): ...", 'Cart.add("a")'),
        ("Cart.add", "def add(self, item): ...", 'Cart.add(Cart.__new__(Cart), "a")'),
        ("Cart", "class Cart:\n    def __init__(self, size: int): ...", "Cart(1)"),
        ("Cart.total", "@property\ndef total(self): ...", 'getattr_static(Cart, "total").fget(Cart.__new__(Cart), )'),
        ("Color", "class Color(Enum):\n    RED = 1", "Color.RED"),
    ],
)
def test_the_target_is_called_with_arguments_that_bind(name: str, source: str, call: str) -> None:
    numbered = "\n".join(f"{number:3}| {line}" for number, line in enumerate(source.split("\n"), 9))
    for shown in (source, numbered):
        assert call in answer(f"Target: shop.py:{name} lines 9-9\n\n```python\n{shown}\n```\n")


def test_the_prompt_may_name_the_module_to_import() -> None:
    assert "from mypackage.deep import work\n" in answer("Target: src/deep.py:work lines 1-2\nModule: mypackage.deep\n")


def test_code_inside_a_schema_is_not_fenced() -> None:
    schema = {"type": "object", "properties": {"test_code": {"type": "string"}}}
    made = structured("Target: json/decoder.py:JSONDecoder lines 1-2\n", schema)
    assert made["test_code"].startswith("from json.decoder import JSONDecoder\n")
