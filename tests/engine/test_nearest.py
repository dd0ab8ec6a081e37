"""The nearest flow that passed: what is told to be different there."""

import io

from verifier.assertions.has import Has
from verifier.reports import write
from verifier.run import check
from verifier.shape import AttributeName, Condition, Correlation, Shape, Step, StepName
from verifier.sketch import parse
from verifier.spans import Reading

SAYS_WHO = Has(step=StepName("stored"), where={AttributeName("who"): Condition(exists=True)})


def passed(sketch: str) -> str:
    """What the terminal says of the nearest flow that passed, in one line."""
    shape = Shape(
        shape="made",
        flow=Correlation(key=AttributeName("flow")),
        steps={"stored": Step(event="stored")},
        assertions=(SAYS_WHO,),
    )
    out = io.StringIO()
    write(check([shape], spans=Reading(url="s", spans=parse(sketch).spans)), "terminal", out=out)
    return " ".join(out.getvalue().partition("nearest flow that passed: ")[2].partition("\n\n")[0].split())


def test_a_value_that_only_an_event_carries_is_told() -> None:
    """What it is there, and that it is nothing here."""
    said = passed("a : x @ 0..1s flow=1\n  * stored @ 0s who=Eva\na : x @ 2..3s flow=2\n  * stored @ 2s")
    assert said == "1: there who is Eva (here nothing)"


def test_many_values_are_cut_short() -> None:
    """By time, and how many more there are."""
    events = "".join(f"  * stored @ {n}ms who=n{n}\n" for n in range(6))
    said = passed(f"a : x @ 0..1s flow=1\n{events}a : x @ 2..3s flow=2\n  * stored @ 2s")
    assert said.endswith("who is n0 then n1 then n2 then n3 and 2 more (here nothing)"), said
