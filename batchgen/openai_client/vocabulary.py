"""The tokens of a text, offline: the vocabularies come with the package bpe-openai.

Of that package only its compiled tokenizer is loaded: it holds the vocabularies and counts in them, of which the rest
makes copies in Python (0.6 s and 75 MB in each process).
"""

from __future__ import annotations

from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PACKAGE, _COMPILED = "bpe_openai", "_bindings"
_OLDER = ("gpt-4-", "gpt-3.5", "text-embedding-")


def encoding_name(model: str) -> str:
    """The vocabulary of a model: that of all since GPT-4o, or the one before."""
    name = model.removeprefix("ft:")
    return "cl100k_base" if name.startswith(_OLDER) or name == "gpt-4" else "o200k_base"


def count_tokens(text: str, encoding: str = "o200k_base") -> int:
    """Return how many tokens a text takes, in the vocabulary of all models since GPT-4o or another."""
    encode = _encoder(encoding)
    try:
        return len(encode(text))
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can hold
        return len(encode(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")))


@cache
def _encoder(encoding: str) -> Callable[[str], list[int]]:
    package = find_spec(_PACKAGE)
    found = PathFinder.find_spec(_COMPILED, package.submodule_search_locations if package else [])
    if found is None or found.loader is None:
        raise ImportError(f"{_PACKAGE} has no compiled tokenizer")
    compiled = module_from_spec(found)
    found.loader.exec_module(compiled)
    encode: Callable[[str], list[int]] = compiled.tokenizer_for_encoding(encoding).encode
    return encode
