"""Which tests are delivered: none that is needless, and together as much as all."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from batchgen.data_types.test_code.delivery.selection import Candidate, choose

WORTHS = st.frozensets(st.integers(0, 7) | st.tuples(st.sampled_from("ab"), st.integers(0, 2)), max_size=6)


@st.composite
def suites(draw: st.DrawFn) -> list[Candidate]:
    """Tests of a few records, some alike, some that nobody has run."""
    drawn = draw(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9), st.integers(0, 5), WORTHS), max_size=9))
    return [
        Candidate(record_id, f"test_{place}", (ord(record_id), place), length, str(shape), gives)
        for place, (record_id, length, shape, gives) in enumerate(drawn)
    ]


@given(suites(), st.randoms(use_true_random=False))
def test_what_is_chosen_is_worth_as_much_as_all_and_nothing_in_it_is_needless(
    suite: list[Candidate], random: Random
) -> None:
    chosen = choose(suite)
    by_shape = {shape: [each for each in suite if each.shape == shape] for shape in {each.shape for each in suite}}
    worth = {shape: frozenset[object]().union(*(each.gives for each in alike)) for shape, alike in by_shape.items()}
    delivered = {
        shape for shape, alike in by_shape.items() if any((each.record_id, each.test) in chosen for each in alike)
    }
    assert len(chosen) == len(delivered)
    assert set().union(*(worth[shape] for shape in delivered)) == set().union(*worth.values())
    for shape in delivered:
        others = set().union(*(worth[other] for other in delivered if other != shape))
        assert not worth[shape] or not worth[shape] <= others
    assert delivered >= {shape for shape, gives in worth.items() if not gives}
    random.shuffle(suite)
    assert choose(suite) == chosen


def test_of_two_that_are_worth_the_same_the_shorter_stays_then_the_first() -> None:
    both = frozenset({1, ("a", "m1")})
    long, short, later = (
        Candidate("a", name, (1, place), length, name, both)
        for place, (name, length) in enumerate([("test_long", 90), ("test_short", 50), ("test_later", 50)])
    )
    assert choose([long, later, short]) == {("a", "test_short")}
