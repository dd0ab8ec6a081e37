"""Every kind's examples: they are its tests and its documentation at once."""

import pytest

from tests.judging import judge_example
from verifier.assertions import Example, kinds

CASES = [(kind, n, example) for kind, cls in kinds().items() for n, example in enumerate(cls.examples)]


@pytest.mark.parametrize(("kind", "n", "example"), CASES, ids=[f"{k}-{n}" for k, n, _ in CASES])
def test_example_gets_its_verdict(kind: str, n: int, example: Example) -> None:
    """An example's sketch gets the verdict that stands beside it."""
    judged = judge_example(kind, example)
    assert judged.verdict == example.verdict, judged


@pytest.mark.parametrize("kind", kinds())
def test_kind_shows_it_kept_and_broken(kind: str) -> None:
    """Every kind has an example that satisfies it, one that violates it, and one that can't be decided."""
    shown = {e.verdict for e in kinds()[kind].examples}
    assert {"satisfied", "violated"} <= shown
    assert shown & {"inconclusive", "pending"}
