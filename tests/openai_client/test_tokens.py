"""Token counts without a network: those of tiktoken for a text, and for a request never under what OpenAI counts."""

from __future__ import annotations

import gzip
import hashlib
import random
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchgen.models import Endpoint, Prompt
from batchgen.openai_client.tokens import RequestCounter, TokenCount, count_tokens, counter_for
from batchgen.simulator import SimulatorControl
from batchgen.simulator.endpoints import tokens_of

if TYPE_CHECKING:
    import tiktoken

TEXTS = (
    "def f(xs: list[int]) -> int:\n    return sum(x ** 2 for x in xs if x % 3)  # squares\n\n\n",
    '{"sku": "A-1029", "price": 1299.00, "tags": ["red", "new"]}\r\n\t\t',
    "안녕하세요, 세계! 토큰을 셉니다. ",
    "お誕生日おめでとうございます。カタログの説明文です。",
    "مرحبا بالعالم، هذا نص لعد الرموز. ",
    "Ελληνικά και Українська, žluťoučký kůň, naïve façade ",
    "👩‍👩‍👧‍👦 🇩🇪 🧪🧪 ✅ — “quotes” … ½ ㎏ ",
    "0.7312894 3.14159e-10 20261127 9,999,999.99 0xDEADBEEF ",
    "I'll we've THEY'RE don't O'Neil's ",
    "aGVsbG8gd29ybGQgdGhpcyBpcyBiYXNlNjQ= ",
    "<|endoftext|><|im_start|>system ",
    "   \n\n\n   \t  x\n ",
)
mixed = st.lists(st.one_of(st.sampled_from(TEXTS), st.text(max_size=30)), max_size=8).map("".join)


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tiktoken.Encoding]:
    """Tiktoken, with its cache filled from the vocabularies that bpe-openai ships: it downloads nothing."""
    folder = tmp_path_factory.mktemp("tiktoken")
    names = ("o200k_base", "cl100k_base")
    for name in names:
        packed = vocabulary_file(name).read_bytes()
        address = f"https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
        cached = hashlib.sha1(address.encode()).hexdigest()  # noqa: S324 - how tiktoken names its cache files
        Path(folder, cached).write_bytes(gzip.decompress(packed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
        import tiktoken  # noqa: PLC0415 - reads the environment

        assert all(count_tokens("loaded", name) for name in names)
        return {name: tiktoken.get_encoding(name) for name in names}  # which checks the SHA-256 of each


def vocabulary_file(name: str) -> Path:
    """The vocabulary as bpe-openai ships it; importing the package would load all of them."""
    package = find_spec("bpe_openai")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent.joinpath("data", f"{name}.tiktoken.gz")


@given(mixed)
@example("".join(TEXTS))
def test_a_text_has_as_many_tokens_as_tiktoken_says(reference: dict[str, tiktoken.Encoding], text: str) -> None:
    sound = text.encode("utf-8", "replace").decode()
    for name, encoding in reference.items():
        assert count_tokens(sound, name) == len(encoding.encode_ordinary(sound))


@pytest.mark.parametrize("seed", range(4))
def test_long_texts_too(reference: dict[str, tiktoken.Encoding], seed: int) -> None:
    chosen = random.Random(seed)  # noqa: S311 - a text
    text = "".join(chosen.choice(TEXTS) + "and so on, " for _ in range(9_000))
    assert len(text) > 4 * 50_000
    for name, encoding in reference.items():
        assert count_tokens(text, name) == len(encoding.encode_ordinary(text))


def test_half_a_surrogate_pair_is_one_character(reference: dict[str, tiktoken.Encoding]) -> None:
    for name, encoding in reference.items():
        assert count_tokens("a\ud800 b", name) == len(encoding.encode_ordinary("a\ufffd b"))


@pytest.mark.parametrize("part", ["x = 1\n", "€", " ", "\U0001f9ea", "\x01"])
def test_a_text_may_be_of_any_length(part: str) -> None:
    assert count_tokens("") == 0
    assert 0 < count_tokens(part * 300_000) <= 300_000 * len(part.encode())


def line(
    messages: list[dict[str, Any]], *, model: str = "gpt-4o-mini", endpoint: Endpoint = Endpoint.CHAT, **more: Any
) -> bytes:
    return Prompt(messages, **more).line("job-0001:0", model, endpoint)


def count(messages: list[dict[str, Any]], *, model: str = "gpt-4o-mini", **more: Any) -> TokenCount:
    return RequestCounter(model).count(line(messages, model=model, **more))


def body(**fields: Any) -> TokenCount:
    return RequestCounter("gpt-4o").count_body({"model": "gpt-4o", **fields})


@pytest.mark.parametrize(("model", "tokens"), [("gpt-4o-mini", 8), ("gpt-5", 8), ("gpt-4-turbo", 9)])
def test_words_are_counted_by_the_vocabulary_of_the_model(model: str, tokens: int) -> None:
    text = "お誕生日おめでとう"  # the example of OpenAI's cookbook
    assert count([{"role": "user", "content": text}], model=model).estimate == tokens + 3 + 1 + 3


@pytest.mark.parametrize("model", ["gpt-4", "gpt-4-turbo", "gpt-3.5-turbo", "ft:gpt-3.5-turbo-0125:team::id"])
def test_older_models_share_a_vocabulary(model: str) -> None:
    said = [{"role": "user", "content": "안녕하세요"}]
    assert count(said, model=model).estimate > count(said, model="gpt-4.1").estimate


@pytest.mark.parametrize("endpoint", list(Endpoint))
@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), mixed), min_size=1, max_size=4))
def test_a_chat_costs_its_texts_and_a_frame_around_each_message(
    reference: dict[str, tiktoken.Encoding], endpoint: Endpoint, said: list[tuple[str, str]]
) -> None:
    """Three tokens and the role for each message, three before the answer (OpenAI's cookbook)."""
    messages = [{"role": role, "content": text.encode("utf-8", "replace").decode()} for role, text in said]
    encode = reference["o200k_base"].encode_ordinary
    framed = sum(3 + 1 + len(encode(message["content"])) for message in messages) + 3
    found = count(messages, endpoint=endpoint)
    assert found.estimate == framed
    assert found.at_most > found.estimate


def test_names_count() -> None:
    plain = count([{"role": "user", "content": "Hello."}])
    named = count([{"role": "user", "name": "ada", "content": "Hello."}])
    assert named.estimate == plain.estimate + 1 + count_tokens("ada")


def test_a_schema_counts_with_all_that_it_says() -> None:
    said = [{"role": "user", "content": "Hello."}]
    schema = {"type": "object", "properties": {f"field_{n}": {"type": "string"} for n in range(40)}}
    for endpoint in Endpoint:
        found, plain = (count(said, endpoint=endpoint, schema=each) for each in (schema, None))
        compact, spread = orjson.dumps(schema).decode(), orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode()
        assert found.estimate - plain.estimate >= count_tokens(compact)
        assert found.at_most - plain.at_most >= count_tokens(spread)


def test_tools_count() -> None:
    tool = {"type": "function", "function": {"name": "find", "description": "Find batches by status and day."}}
    said = [{"role": "user", "content": "Hello."}]
    plain, one, two = (body(messages=said, tools=[tool] * number) for number in (0, 1, 2))
    least = count_tokens(orjson.dumps(tool).decode())
    assert one.estimate == plain.estimate + least
    assert two.at_most - one.at_most >= least + 16
    assert two.at_most - one.at_most == one.at_most - plain.at_most


def test_calls_of_tools_and_their_results_count() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": '{"day": "2026-11-27"}'}}
    said = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Twelve batches."},
    ]
    assert body(messages=said).estimate > count_tokens(orjson.dumps([call]).decode()) + count_tokens("Twelve batches.")


def test_parts_of_a_content_count_as_the_texts_they_hold() -> None:
    text = "A picture of a harbour with boats."
    whole = body(messages=[{"role": "user", "content": text}])
    assert body(messages=[{"role": "user", "content": [{"type": "text", "text": text}]}]) == whole
    assert body(input=[{"role": "user", "content": [{"type": "input_text", "text": text}]}]) == whole
    assert body(input=text) == whole
    assert body(instructions="Be brief.", input=text).estimate == whole.estimate + 4 + count_tokens("Be brief.")


def test_an_image_counts_as_an_image_and_not_as_its_base64() -> None:
    address = "data:image/png;base64," + "iVBORw0KGgo" * 40_000
    for image in ({"type": "image_url", "image_url": {"url": address}}, {"type": "input_image", "image_url": address}):
        found = body(messages=[{"role": "user", "content": [image]}])
        assert found.estimate < 2_000
        assert 48_169 < found.at_most < 60_000  # GPT-4o mini: 2,833 + 8 x 5,667 (OpenAI, Images and vision guide)


@pytest.mark.parametrize("content", [17, {"type": "input_audio", "data": "AAAA" * 100}, [["odd"]], [{"no": "type"}]])
def test_what_is_not_known_counts_as_its_json(content: Any) -> None:
    text = orjson.dumps(content[0] if isinstance(content, list) else content).decode()
    assert body(messages=[{"role": "user", "content": content}]).estimate == count_tokens(text) + 7


@pytest.mark.parametrize("odd", [b"no JSON at all", b"[]", b'{"body": 3}', b'{"body": null}', b"\xff\xfe", b""])
def test_a_line_that_is_no_request_is_counted_somehow(odd: bytes) -> None:
    assert counter_for("gpt-4o")(odd) >= 0


def test_control_words_in_a_text_are_just_text() -> None:
    assert count_tokens("<|endoftext|>") > 1


@given(mixed)
def test_the_bound_holds_for_the_simulator_too(text: str) -> None:
    """It counts four bytes as a token, as a server with another vocabulary might."""
    found = count([{"role": "system", "content": text}, {"role": "user", "content": text}])
    assert found.at_most > tokens_of(f"{text}\n{text}")


@pytest.mark.parametrize("endpoint", list(Endpoint))
def test_what_is_billed_is_not_above_the_bound(api: Any, control: SimulatorControl, endpoint: Endpoint) -> None:
    """Long English words: more than four bytes a token, so that the simulator counts more tokens than OpenAI would."""
    said = [{"role": "user", "content": "internationalisation considerations notwithstanding " * 200}]
    client = api._client
    request = Prompt(said).body("gpt-4o-mini", endpoint)
    client.post(endpoint.value.removeprefix("/v1"), body=request, cast_to=dict[str, object])
    found = RequestCounter("gpt-4o-mini").count_body(request)
    assert found.estimate < control.billing()["input_tokens"] <= found.at_most


def test_the_same_request_counts_the_same_again() -> None:
    counter = RequestCounter("gpt-4o-mini")
    lines = [line([{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"{n}"}]) for n in range(99)]
    assert [counter.count(each) for each in lines] == [RequestCounter("gpt-4o-mini").count(each) for each in lines]
