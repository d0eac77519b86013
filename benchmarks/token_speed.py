"""How fast tokens are counted: texts with either library, whole requests, and a large job exactly and by its sample.

`python -m benchmarks.token_speed [--requests N]`: `make bench-tokens`. Downloads nothing.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import time
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from batchgen.models import Endpoint, Prompt
from batchgen.openai_client.tokens import RequestCounter, count_tokens
from batchgen.stages.token_sample import count_requests
from benchmarks.source import write_source

REQUESTS = 50_000
_MB = 1e6
_FIELDS = {name: {"type": "string", "description": f"The {name}."} for name in ("title", "text", "mood", "keywords")}
_SCHEMA = {"type": "object", "properties": _FIELDS, "required": list(_FIELDS), "additionalProperties": False}


def main() -> None:
    """Measure and print."""
    requests = _arguments()
    with TemporaryDirectory(prefix="batchgen-benchmark-") as folder:
        texts = _texts(Path(folder), requests)
        few = texts[: min(5_000, requests)]
        count_tokens("loaded")
        _show("text, bpe-openai (used)", _seconds(count_tokens, few), few)
        _show("text, tiktoken", _seconds(_tiktoken(Path(folder)), few), few)
        path = Path(folder, "requests.jsonl")
        lines = _write_requests(path, texts)
        counter = RequestCounter("gpt-4o-mini")
        _show("whole requests, system message and schema", _seconds(counter.count, lines[: len(few)]), few)
        _show_job(path, exact=True)
        _show_job(path, exact=False)


def _show_job(path: Path, *, exact: bool) -> None:
    began = time.perf_counter()
    found = count_requests([path], RequestCounter("gpt-4o-mini"), exact=exact)
    taken = time.perf_counter() - began
    how = "each counted" if exact else "a sample counted"
    print(
        f"a job of {path.stat().st_size / _MB:.0f} MB, {how}: {found.total:,} ± {found.error:,} tokens in {taken:.2f} s"
    )


def _seconds(count: Callable[..., object], things: Iterable[object]) -> float:
    began = time.perf_counter()
    for thing in things:
        count(thing)
    return time.perf_counter() - began


def _show(what: str, seconds: float, texts: list[str]) -> None:
    size = sum(len(text.encode()) for text in texts) / _MB
    print(f"{what}: {size / seconds:.1f} MB/s of text, {len(texts) / seconds:,.0f} requests/s")


def _texts(folder: Path, requests: int) -> list[str]:
    write_source(folder / "source.jsonl", requests)
    return [orjson.loads(line)["prompt"] for line in (folder / "source.jsonl").read_bytes().splitlines()]


def _write_requests(path: Path, texts: list[str]) -> list[bytes]:
    system = {"role": "system", "content": "You write texts for a web shop. State only what the data says."}
    lines = []
    for number, text in enumerate(texts):
        prompt = Prompt([system, {"role": "user", "content": text}], schema=_SCHEMA)
        lines.append(prompt.line(f"bench-0001:{number}", "gpt-4o-mini", Endpoint.CHAT))
    path.write_bytes(b"".join(lines))
    return lines


def _tiktoken(folder: Path) -> Callable[[str], int]:
    """Its counter, with the cache filled from the vocabulary that bpe-openai ships."""
    packed = resources.files("bpe_openai.data").joinpath("o200k_base.tiktoken.gz").read_bytes()
    address = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
    cached = hashlib.sha1(address.encode()).hexdigest()  # noqa: S324 - how tiktoken names its cache files
    Path(folder, cached).write_bytes(gzip.decompress(packed))
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    import tiktoken  # noqa: PLC0415 - reads the environment

    encode = tiktoken.get_encoding("o200k_base").encode_ordinary
    encode("loaded")
    return lambda text: len(encode(text))


def _arguments() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.token_speed", description=__doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS, metavar="N", help="requests of the large job")
    requests: int = parser.parse_args().requests
    return requests


if __name__ == "__main__":
    main()
