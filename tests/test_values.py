"""Values as a shape reads them: by the shape's type, in three values; equal values have one text."""

from typing import Any

import pytest

from verifier.shape import Condition
from verifier.values import canonical, holds, number


@pytest.mark.parametrize(
    ("value", "condition", "truth"),
    [
        ("2", Condition(lt=3), True),
        (3, Condition(lt=3), False),
        (3, Condition(le=3), True),
        ("0.7", Condition(ge=0.7), True),
        ("0.69999", Condition(ge=0.7), False),
        (0.7, Condition(gt=0.7), False),
        ("many", Condition(lt=3), None),
        ("many", Condition(lt=3, eq="few"), False),
        (float("nan"), Condition(lt=3), None),
        (True, Condition(lt=3), None),
        ("1_000", Condition(gt=1), None),
        ("False", False, True),
        ("true", Condition(eq=False), False),
        ("0", Condition(eq=False), None),
        (True, True, True),
        ("3", 3, True),
        ("3.0", 3, True),
        (3, "3", True),
        ("three", 3, None),
        ("a", Condition(ne="a"), False),
        ("a", Condition(ne="b"), True),
        ("x", Condition(ne=3), None),
        ("b", Condition(in_=("a", "b")), True),
        ("c", Condition(in_=("a", "b")), False),
        ("c", Condition(in_=("a", 3)), None),
        ("a", Condition(not_in=("a", "b")), False),
        ("c", Condition(not_in=("a", "b")), True),
        ("ENG5", Condition(matches="^ENG[0-9]$"), True),
        ("SV1", Condition(matches="ENG"), False),
        ("a", Condition(exists=True), True),
        ("a", Condition(exists=False), False),
        ("a", Condition(), True),
        ({"a": 1}, Condition(eq="{'a': 1}"), False),
    ],
)
def test_a_condition_is_read_by_the_type_of_the_shape(value: Any, condition: Any, truth: bool | None) -> None:
    """Text that telemetry sends is compared as what the shape speaks of; None where it can't be read so."""
    assert holds(value, condition) is truth


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize("condition", ["a", Condition(ne="a"), Condition(not_in=("a",)), Condition(lt=1)])
def test_what_is_absent_fulfils_only_that_it_is(nothing: Any, condition: Any) -> None:
    """An empty string is no value, and no value is not another value."""
    assert holds(nothing, condition) is False
    assert holds(nothing, Condition(exists=False)) is True
    assert holds(nothing, Condition(exists=True)) is False


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (3, "3"),
        (3, 3.0),
        (3.5, "3.5"),
        (True, "true"),
        (True, "True"),
        (False, "False"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (10**400, str(10**400)),
    ],
)
def test_equal_values_have_one_text(one: Any, other: Any) -> None:
    """Services write the same number or truth as text too, and objects in any order."""
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("007", "7"),
        ("1e5", "100000"),
        ("1e999", "2e999"),
        ("0e1", "0e2"),
        (1, True),
        ("a", "A"),
        (2**53, 2**53 + 1),
        ("12345678901234567890", "12345678901234567891"),
        (1, 2),
        (("a", "b"), ("b", "a")),
    ],
)
def test_different_values_have_different_texts(one: Any, other: Any) -> None:
    """An id keeps its zeros, hexadecimal is no power of ten, and long numbers are told from their neighbours."""
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize("text", ["9" * 5000, "1e400", "-1e400"])
def test_a_number_beyond_all_bounds_is_read_without_harm(text: str) -> None:
    """Hostile values end in an answer, not in an exception."""
    assert isinstance(number(text), float)
    assert canonical(text) == text
    assert holds(text, Condition(lt=3)) is (text.startswith("-"))
