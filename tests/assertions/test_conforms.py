"""What no hand-drawn flow should hold of `conforms`: more moves than orders are tried for."""

import pytest

from verifier.run import check
from verifier.sketch import parse
from verifier.spans import Reading
from verifier.specfile import loads

SHAPE = """
shape: doors
flow: {key: flow}
steps: {move: {event: move}}
machines:
  door: {moves_by: {step: move, from: from, to: to}, initial: new, moves: {new: [open], open: [new]}}
assertions:
- conforms: {machine: door}
"""


@pytest.mark.parametrize(("apart_ms", "verdict"), [(1, "satisfied"), (0, "inconclusive")])
def test_many_moves_are_in_order_where_their_order_is_known(apart_ms: int, verdict: str) -> None:
    """Whatever their number; where it isn't known, too many to try are left undecided."""
    moves = [
        f"  * move @ {n * apart_ms}ms from={'new' if n % 2 == 0 else 'open'} to={'open' if n % 2 == 0 else 'new'}"
        for n in range(70)
    ]
    sketch = parse("\n".join(["door : work @ 0..9s flow=1", *moves]))
    report = check([loads(SHAPE)], spans=Reading(url="spans", spans=sketch.spans))
    assert str(report.flows[0].assertions[0].verdict) == verdict
