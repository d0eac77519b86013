"""Answers as no model should write them: pieces of Markdown, JSON and Python in any order."""

from __future__ import annotations

from hypothesis import strategies as st

_MARKUP = ["```", "```python", "~~~", "````", "`", '{"code": "', '"}', "# "]
_CODE = [
    "def ",
    "@x",
    "import",
    "(",
    "class A:",
    "    ",
    "from shop.cart import pay\n",
    "def test_a():\n    assert pay(1)\n",
]
_CHARACTERS = ["\n", "\n", "\r", "\0", "\ud800", "\u2028", "\f", "…"]

ODD_ANSWERS = st.one_of(
    st.text(), st.lists(st.sampled_from([*_MARKUP, *_CODE, *_CHARACTERS]), max_size=30).map("".join)
)
