"""What no hand-drawn flow can hold of `unchanged`: rows that belong to a flow only by an alias."""

import pytest

from verifier.run import check
from verifier.sketch import parse
from verifier.spans import Reading
from verifier.specfile import loads

SHAPE = """
shape: doors
flow: {key: flow, aliases: [correlation_id]}
steps: {move: {record: moved}, failed: {span: failed}, retried: {record: retried}}
machines:
  door: {moves_by: {step: move, from: from, to: to}, initial: new, moves: {new: [open], open: [new, done]}}
assertions:
- unchanged: {machine: door, from: failed, to: retried}
"""


@pytest.mark.parametrize("moves", [1, 3, 7, 9, 15])
@pytest.mark.parametrize(("whose", "verdict"), [("flow=1", "violated"), ("correlation_id=c", "inconclusive")])
def test_last_of_however_many_moves_must_be_the_flows_own(moves: int, whose: str, verdict: str) -> None:
    """It decides where the state ends; by an alias, where spans may be lost, it proves nothing."""
    rows = ["door : failed @ 0s flow=1 correlation_id=c"]
    for n in range(1, moves + 1):
        way = "from=new to=open" if n % 2 else "from=open to=new"
        rows.append(f"[moved 0:{n}] @ {n}s {whose if n == moves else 'flow=1'} {way}")
    sketch = parse("\n".join([*rows, "[retried 0:1] @ 20s flow=1"]))
    spans, records = Reading(url="spans", spans=sketch.spans), Reading(url="records", records=sketch.records)
    report = check([loads(SHAPE)], spans=spans, records=records, assume="spans=lossy")
    (judged,) = report.flows[0].assertions[0].findings
    assert judged.verdict == verdict
    assert any(e.of.row.id == ("moved", 0, moves) for e in judged.finding.evidence)
