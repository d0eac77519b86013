"""What every error has in common: one line, a remedy, a code of its own, and a way through a process boundary."""

from __future__ import annotations

import dataclasses
import pickle
from collections import Counter
from typing import Any

import pytest

from batchgen import errors
from batchgen.errors import BatchgenError, InputError, SourceEmpty, SourceUnreadable, UsageError

NAMED = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, BatchgenError)]
KINDS = [kind for kind in NAMED if kind.template]
NUMBERS = {"status": 404, "received": 10, "expected": 20, "retry_after_s": 1.5, "answers": True}


def example(kind: type[BatchgenError], text: str = "value of {name}") -> BatchgenError:
    values: dict[str, Any] = {
        field.name: NUMBERS.get(field.name, text.format(name=field.name)) for field in dataclasses.fields(kind)
    }
    return kind(**values)


def test_only_the_roots_have_no_message() -> None:
    assert set(NAMED) - set(KINDS) == {BatchgenError, InputError}


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_is_wrong_and_what_to_do(kind: type[BatchgenError]) -> None:
    error = example(kind)
    assert error.message
    assert error.remedy
    assert str(error) == f"{error.message} {error.remedy}"


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_one_line_whatever_it_is_told(kind: type[BatchgenError]) -> None:
    error = example(kind, "first line of {name}\n  second\r\nthird")
    assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if dataclasses.fields(kind)])
def test_braces_in_a_value_stay_as_they_are(kind: type[BatchgenError]) -> None:
    assert "{0}{" in str(example(kind, "{{0}}{{"))


@pytest.mark.parametrize("kind", KINDS)
def test_it_survives_pickling(kind: type[BatchgenError]) -> None:
    error = example(kind)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(copy) is kind
    assert (str(copy), vars(copy)) == (str(error), vars(error))


def test_no_two_errors_share_a_code() -> None:
    codes = Counter(kind.code for kind in KINDS)
    assert {code: count for code, count in codes.items() if count > 1} == {}
    assert BatchgenError.code not in codes


def test_ids_are_attributes() -> None:
    assert SourceUnreadable(source="a.csv", problem="not UTF-8", advice="Convert it.").source == "a.csv"


def test_an_error_without_advice_has_no_trailing_blank() -> None:
    assert str(UsageError("Nothing to do.")) == "Nothing to do."


def test_what_the_user_gave_is_an_input_error() -> None:
    assert isinstance(SourceEmpty("a.csv"), InputError)
    assert not isinstance(errors.Unavailable("S3", "away"), InputError)
