"""Edits change what they say, and nothing else."""

from tests.laws.made import shape_of
from verifier.assertions import kinds
from verifier.engine.diagnose.edits import with_value
from verifier.spans import Observation, Record

SHAPE = shape_of(kinds()["never"](step="one"))
RECORD = Record(topic="t", partition=0, offset=0, made_ns=0, seen_ns=0, value={"id": None, "data": {"a": 1, "b": None}})


def test_a_value_that_is_set_leaves_other_nulls_alone() -> None:
    """A null that a record says is not the same as nothing: identities compare whole envelopes."""
    row = with_value(Observation(row=RECORD), "data.a", 2, SHAPE)
    assert isinstance(row, Record)
    assert row.value == {"id": None, "data": {"a": 2, "b": None}}


def test_a_value_that_is_taken_away_is_gone() -> None:
    """And what stands beside it is not."""
    row = with_value(Observation(row=RECORD), "data.a", None, SHAPE)
    assert isinstance(row, Record)
    assert row.value == {"id": None, "data": {"b": None}}
