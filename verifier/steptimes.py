"""When each step of each flow happened, as a table of pandas; no rule is asked.

In: shapes, where spans and records are. Out: a `pandas.DataFrame` with one row per flow and occurrence of a step.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from verifier.binding import BoundFlow
from verifier.clock import INFINITY_NS, At
from verifier.engine.complete import parse_assume
from verifier.engine.judge import Setting, lay
from verifier.engine.plan import groups, names_of, plan
from verifier.engine.remarks import hidden
from verifier.errors import SpecError
from verifier.flows import gather
from verifier.frames import Columns, table
from verifier.run import Input, read, sight_of
from verifier.shape import Shape
from verifier.specfile import check_shape, with_params

if TYPE_CHECKING:
    import pandas

COLUMNS: Columns = {
    "shape": "string",
    "key": "string",
    "step": "string",
    "n": "Int64",
    "sort": "string",
    "service": "string",
    "start": "moment",
    "end": "moment",
    "again": "Int64",
    "doubt": "string",
}


def step_times(
    shapes: Sequence[Shape],
    *,
    spans: Input = (),
    records: Input = (),
    params: Mapping[str, str] | None = None,
) -> "pandas.DataFrame":
    """Occurrences of steps with their times; see `verifier.step_times`."""
    wrong = [p for shape in shapes if shape.places is None for p in check_shape(shape)]
    if wrong:
        raise SpecError(wrong)
    rows: list[Mapping[str, object]] = []
    evidence = read(spans, records)
    setting = Setting(sight=sight_of(evidence, evidence.last_ns, parse_assume("complete")))
    for group in groups(with_params(shapes, params or {})):
        found = gather(evidence.spans, evidence.records, correlation=group[0].flow, attributes=names_of(group[0]))
        here = replace(setting, sight=replace(setting.sight, losses=(*setting.sight.losses, *hidden(found))))
        plans = [plan(shape) for shape in group]
        for _, flow in sorted(found.flows.items()):
            laid = (lay(one, flow, here) for one in plans)
            rows += [row for found_one in laid if found_one is not None for row in _rows(found_one.bound)]
    return table(rows, COLUMNS, asked_by="verifier.step_times()")


def _rows(bound: BoundFlow) -> Iterator[Mapping[str, object]]:
    for step in bound.shape.steps:
        for n, occurrence in enumerate(bound.occurrences[step], 1):
            o = occurrence.of
            start, end = bound.clocks.when(At(of=o)).lo, bound.clocks.when(At(of=o, edge="end")).hi
            yield {
                "shape": bound.shape.shape,
                "key": bound.flow.key,
                "step": step,
                "n": n,
                "sort": o.sort,
                "service": o.row.service or None,
                "start": None if start <= -INFINITY_NS // 2 else start,
                "end": end,
                "again": len(occurrence.again),
                "doubt": occurrence.doubt,
            }
