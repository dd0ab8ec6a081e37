"""Says whether a business flow through event-driven services went right, and proves it.

    report = verifier.check("phase1-regular", spans="run.otlp.jsonl", records="run.events.jsonl")
    report.verdict; report.violated; report.flow("85e4…").explain()

In: spans and records (files), shapes (YAML or `Shape`). Out: a `Report`: satisfied, violated, pending or inconclusive,
with the evidence. Importing this costs little: what reads files and YAML is loaded when it is first used.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # editors and type checkers see these names; at run time each is loaded when it is first asked for
    import pandas

    from verifier.errors import Inconclusive, SourceError, SpecError, UsageError, VerifierError, Violation
    from verifier.flows import Flow
    from verifier.run import Evidence
    from verifier.shape import Condition, Correlation, Fact, Machine, Shape, Step
    from verifier.spans import Event, Link, Reading, Record, Span
    from verifier.verdict import Finding, Report, Verdict

    Shapes = str | PathLike[str] | Shape | Sequence[str | PathLike[str] | Shape]
    Input = str | PathLike[str] | Reading | Sequence[str | PathLike[str] | Reading]

_ROOMS = {
    "errors": ("Inconclusive", "SourceError", "SpecError", "UsageError", "VerifierError", "Violation"),
    "flows": ("Flow",),
    "shape": ("Condition", "Correlation", "Fact", "Machine", "Shape", "Step"),
    "spans": ("Event", "Link", "Record", "Span"),
    "verdict": ("Finding", "Report", "Verdict"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__version__ = "0.1.0"


def check(
    shapes: "Shapes",
    *,
    spans: "Input" = (),
    records: "Input" = (),
    flows: Sequence[str] = (),
    correlation_ids: Sequence[str] = (),
    expect: Sequence[str] = (),
    at: str = "end",
    assume: str = "complete",
    params: Mapping[str, str] | None = None,
    clock_jumps: Sequence[str] = (),
    uncertainty: str | None = None,
    outages: Sequence[Mapping[str, object]] = (),
    strict: bool = False,
) -> "Report":
    """Judges every flow of the sources by every shape: a `Shape`, the name of one that ships, a file or a folder.

    Spans and records are paths, folders or what was `read`; `flows` and `correlation_ids` narrow down which flows;
    `at` is the moment it is judged as of ("end", "+26h", an ISO time); `assume` the premise ("complete", "lossy",
    "spans=lossy", "records=lossy"); `uncertainty` how far clocks may be apart ("5ms");
    `outages` are declared ones, `{"from": TIME, "to": TIME}`.
    Raises UsageError, SpecError or SourceError; never for what a flow did.
    """
    from verifier.run import check as run
    from verifier.specfile import loaded

    return run(
        loaded(shapes),
        spans=spans,
        records=records,
        flows=flows,
        correlation_ids=correlation_ids,
        expect=expect,
        at=at,
        assume=assume,
        params=params,
        clock_jumps=clock_jumps,
        uncertainty=uncertainty,
        outages=outages,
        strict=strict,
    )


def read(spans: "Input" = (), records: "Input" = ()) -> "Evidence":
    """Reads every source, frees it of repetitions, and counts what was lost. SourceError if one can't be read."""
    from verifier.run import read as run

    return run(spans, records)


def step_times(
    shapes: "Sequence[Shape]",
    *,
    spans: "Input" = (),
    records: "Input" = (),
    params: Mapping[str, str] | None = None,
) -> "pandas.DataFrame":
    """When each step of each flow happened: a table of pandas with one row per flow and occurrence of a step.

    string: shape, key, step, sort (span, event or record), service, doubt (why it may be no occurrence of its own).
    Int64: n (1 is the step's first in its flow), again (how many equal to it in the step's identity are left out).
    datetime64[ns, UTC]: start, end; of a record, from when it was made (NaT if nothing tells) until it was seen.
    In the order of flows in a report, then of the shape's steps, then of time.
    Raises as `check` does; UsageError without pandas (the extra `pandas`).
    """
    from verifier.steptimes import step_times as run

    return run(shapes, spans=spans, records=records, params=params)


def load_shape(name: str | PathLike[str]) -> "Shape":
    """The shape of a file, or the shipped one of that name; SpecError names every fault of the file."""
    from verifier.specfile import load

    return load(str(name))


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'verifier' has no attribute '{name}'")
    return getattr(import_module(f"verifier.{_ROOM_OF[name]}"), name)


__all__ = [
    "Condition",
    "Correlation",
    "Event",
    "Fact",
    "Finding",
    "Flow",
    "Inconclusive",
    "Link",
    "Machine",
    "Record",
    "Report",
    "Shape",
    "SourceError",
    "Span",
    "SpecError",
    "Step",
    "UsageError",
    "Verdict",
    "VerifierError",
    "Violation",
    "check",
    "load_shape",
    "read",
    "step_times",
]
