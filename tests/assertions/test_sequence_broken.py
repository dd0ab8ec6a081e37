"""A sequence that breaks off: which absences say so."""

from dataclasses import replace

from verifier.run import check
from verifier.sketch import parse
from verifier.spans import Loss, Reading
from verifier.specfile import loads


def test_step_that_never_came_breaks_the_chain_whatever_another_service_lost() -> None:
    """Only its own service's spans decide: no chain is whole without it."""
    shape = loads(
        """
shape: s
flow: {key: id, gives_up: 1h}
steps: {one: {service: a, span: one}, two: {service: b, span: two}, three: {service: a, span: three}}
assertions:
  - sequence: [one, two, three]
"""
    )
    seen = parse("a : one @ 0..1s id=x\na : two @ 1..2s id=x\nb : two @ 2..3s id=x")
    lost = Loss(kind="sampled", where="b", service="b", what="b lost some")
    report = check([shape], spans=Reading(url="s", spans=seen.spans, losses=(lost,)), at="+2h")
    assert str(report.flow("x").verdict) == "violated"
    of_its_own = replace(lost, service="a", where="a")
    report = check([shape], spans=Reading(url="s", spans=seen.spans, losses=(of_its_own,)), at="+2h")
    assert str(report.flow("x").verdict) == "inconclusive"
