from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_files import read, values

from batchgen.errors import SourceUnreadable
from batchgen.sources.rows import BadLine, Row

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXT
OBJECTS = st.dictionaries(TEXT, SCALARS | st.lists(SCALARS) | st.dictionaries(TEXT, SCALARS))


@settings(deadline=None)
@given(st.lists(OBJECTS, min_size=1), st.sampled_from([b"\n", b"\r\n", b"\n\n"]), st.booleans())
def test_any_objects_are_read_as_they_were_written(
    objects: list[dict[str, object]], line_end: bytes, mark: bool
) -> None:
    content = b"\xef\xbb\xbf" * mark + line_end.join(orjson.dumps(each) for each in objects)
    with TemporaryDirectory() as folder:
        found = read(Path(folder), "table.jsonl", content)
    assert values(found) == [orjson.loads(orjson.dumps(each)) for each in objects]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"a": }', "not JSON, unexpected character"),
        (b'{"a": 1', "not JSON, unexpected end"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": "\\ud800"}', "not JSON"),
        (b'{"a": "\xfc"}', "--option encoding="),
        (b"[1]", "it holds an array, not an object"),
        (b'"text"', "it holds a text"),
        (b"null", "it holds null"),
        (b"[" * 5_000, "not JSON"),
    ],
)
def test_a_broken_line_is_named_by_its_number_and_reading_goes_on(line: bytes, problem: str, tmp_path: Path) -> None:
    found = read(tmp_path, "t.ndjson", b'{"a": 1}\n\n' + line + b'\n{"a": 2}\n')
    assert [type(row) for row in found] == [Row, BadLine, Row]
    assert (found[1].place, found[1].number, found[2].number) == ("line 3", 2, 3)
    assert problem in getattr(found[1], "problem", "")


def test_blank_lines_alone_have_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path, "t.jsonl", "\n  \n") == []


def test_another_encoding_is_read_by_its_name(tmp_path: Path) -> None:
    content = '{"a": "ü\u2028"}\r\n{"a": "한"}\n'.encode("utf-16")
    assert values(read(tmp_path, "t.jsonl", content, encoding="utf-16")) == [{"a": "ü\u2028"}, {"a": "한"}]


def test_a_wrong_encoding_option_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="line 2 is not ascii"):
        read(tmp_path, "t.jsonl", '{"a": 1}\n{"a": "ü"}\n', encoding="ascii")
