"""How a table is written is told from its beginning, and what a user names is held to."""

from __future__ import annotations

from pathlib import Path

import pytest
from source_files import read, values

from batchgen.errors import SourceUnreadable

ROWS = [{"id": "1", "name": "Becher, rot", "note": "a"}, {"id": "2", "name": "Krug", "note": "b; c"}]


@pytest.mark.parametrize(
    "text",
    [
        'id,name,note\n1,"Becher, rot",a\n2,Krug,b; c\n',
        'id;name;note\n1;Becher, rot;a\n2;Krug;"b; c"\n',
        "id\tname\tnote\n1\tBecher, rot\ta\n2\tKrug\tb; c\n",
        "id|name|note\n1|Becher, rot|a\n2|Krug|b; c\n",
        "id,name,note\n1,'Becher, rot','a'\n2,'Krug','b; c'\n",
    ],
)
def test_delimiter_and_quotes_are_told_from_the_file(tmp_path: Path, text: str) -> None:
    assert values(read(tmp_path, "t.csv", text)) == ROWS


def test_quotes_after_a_backslash_are_read(tmp_path: Path) -> None:
    text = 'id,name\n1,"a \\"b\\", c"\n2,"d"\n'
    assert values(read(tmp_path, "t.csv", text)) == [{"id": "1", "name": 'a "b", c'}, {"id": "2", "name": "d"}]


def test_a_table_of_one_column_stays_one(tmp_path: Path) -> None:
    assert values(read(tmp_path, "t.csv", "prompt\nOne; two\nThree | four\n")) == [
        {"prompt": "One; two"},
        {"prompt": "Three | four"},
    ]


def test_the_usual_delimiter_wins_where_both_would_do(tmp_path: Path) -> None:
    assert values(read(tmp_path, "t.csv", "a;b,c;d\n1;2,3;4\n")) == [{"a;b": "1;2", "c;d": "3;4"}]


def test_what_a_user_names_is_not_guessed(tmp_path: Path) -> None:
    assert values(read(tmp_path, "t.csv", "a;b\n1;2\n", delimiter=",")) == [{"a;b": "1;2"}]


TEXTS = {
    "cp1252": "Grüße aus Köln: schöne Bücher für müde Füße, größer und süßer als je zuvor. Ärger übt Öl.",
    "cp949": "안녕하세요 이 제품은 아주 좋은 컵입니다 빨간색과 파란색이 있습니다 주문해 주세요",
    "cp932": "こんにちは。この商品はとても良いカップです。赤と青があります。ご注文ください。",
    "utf-16": "Grüße, 안녕하세요, こんにちは, مرحبا 🎉",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_an_encoding_that_shows_is_found(tmp_path: Path, encoding: str) -> None:
    text = f"id,name\n1,{TEXTS[encoding].replace(',', ';')}\n" * 1 + "".join(
        f"{number},{TEXTS[encoding].replace(',', ';')}\n" for number in range(2, 6)
    )
    found = values(read(tmp_path, "t.csv", text.encode(encoding)))
    assert [row["name"] for row in found] == [TEXTS[encoding].replace(",", ";")] * 5


def test_damaged_utf8_is_no_other_encoding(tmp_path: Path) -> None:
    content = ("id,name\n" + "1,Grüße aus Köln\n" * 50).encode() + b"2,K\xf6ln\n"
    with pytest.raises(SourceUnreadable, match="line 52 is not UTF-8"):
        read(tmp_path, "t.csv", content)


def test_too_little_to_tell_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="--option encoding="):
        read(tmp_path, "t.csv", "id,name\n1,Grüße\n".encode("cp1252"))
