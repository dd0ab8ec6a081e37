"""The laws for rules that judge the whole run: whatever is lost, shuffled, narrowed down or cut off, none is wrong.

In: made-up runs of one to four flows and rules of every kind that judges the run. Out: nothing, or the smallest run and
rule that break a law. `LAWS_SEED` and `LAWS_EXAMPLES` as for the laws of flows.
"""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.laws.made import MS, SEED, last_of, possible, rows_of, tried
from tests.laws.test_laws import FINAL, opposite
from verifier import load_shape
from verifier.assertions import kinds
from verifier.flows import gather
from verifier.reports.json import document
from verifier.run import check
from verifier.shape import (
    AttributeName,
    Condition,
    Correlation,
    Ends,
    Fact,
    FactName,
    Rule,
    RunRule,
    Shape,
    Step,
    StepName,
)
from verifier.sketch import ORIGIN_NS
from verifier.spans import Observation, Reading, Record, Span, message_ids
from verifier.verdict import Report, Verdict, merge

KINDS = sorted(kind for kind, cls in kinds().items() if issubclass(cls, RunRule))
STEPS: Mapping[str, Step] = {
    "one": Step(span="one"),
    "some": Step(span=("one", "two"), where={"n": Condition(lt=2)}),
    "each": Step(span=("one", "two"), identity=(AttributeName("event_id"),)),
    "sent": Step(record="t"),
    "end": Step(span="end"),
}
STEP = st.sampled_from(("one", "some", "each", "sent"))
WHEN = st.sampled_from(({}, {}, {FactName("sort"): "day"}))
PARAMETERS: Mapping[str, st.SearchStrategy[dict[str, Any]]] = {
    "varies": st.fixed_dictionaries(
        {
            "attribute": st.sampled_from(("code", "n")),
            "at": STEP,
            "over": st.sampled_from(((), ("k",), ("class",), ("class", "n"))),
            "at_least": st.sampled_from((2, 2, 3)),
            "when": WHEN,
        }
    ),
    "isolated": st.fixed_dictionaries({"entity": st.sampled_from(("code", "event_id", "class")), "when": WHEN}),
    "one_per": st.sampled_from(((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))).flatmap(
        lambda bounds: st.fixed_dictionaries(
            {
                "object": STEP,
                "identity": st.sampled_from((("code",), ("code", "n"), ("event_id",))),
                "owner": st.sampled_from(("class", "class", "k")),
                "at_least": st.just(bounds[0]),
                "at_most": st.just(bounds[1]),
                "when": WHEN,
            }
        )
    ),
}
Law = Callable[..., None]


@st.composite
def runs(draw: st.DrawFn, *, most: int = 8, keyed: bool = False) -> str:
    """A picture of 1 to `most` rows of up to four flows; some rows carry no key, unless all are `keyed`."""
    lines: list[str] = []
    labels: list[str] = []
    depth = 0
    for number in range(draw(st.integers(1, most))):
        start = draw(st.integers(0, 8)) * 3
        said = _said(draw, keyed)
        if draw(st.integers(0, 4)) == 0:
            lines.append(f"[t 0:{number}] @ {start}..{start + 2}ms{said}")
            depth, labels = 0, []
            continue
        depth = draw(st.integers(0, min(depth + 1, 2))) if labels else 0
        service = draw(st.sampled_from(("a", "a", "b")))
        name = draw(st.sampled_from(("one", "one", "two", "other")))
        kind = draw(st.sampled_from(("", "", " $kind=consumer")))
        lines.append(f"{'  ' * depth}&s{number} {service} : {name} @ {start}..{start + 1}ms{kind}{said}")
        if labels and draw(st.integers(0, 5)) == 0:
            lines.append(f"{'  ' * (depth + 1)}~> {draw(st.sampled_from(labels))}")
        labels.append(f"s{number}")
    text = "\n".join(lines)
    return text if possible(rows_of(text)) else f"a : one @ 0..1ms k={len(lines)}"


def _said(draw: st.DrawFn, keyed: bool) -> str:
    out = ""
    for name, values in (
        ("k", ("1", "2", "3") if keyed else ("", "1", "1", "2", "2", "3", "4")),
        ("cid", ("", "", "", "c", "d")),
        ("sort", ("", "", "day", "day", "night")),
        ("code", ("", "X", "X", "Y", "Z")),
        ("class", ("", "g", "g", "h")),
        ("n", ("", "1", "1", "2", "many")),
        ("event_id", ("", "", "e", "f")),
    ):
        value = draw(st.sampled_from(values))
        out += f" {name}={value}" if value else ""
    return out


def law(*more: st.SearchStrategy[Any], keyed: bool = False) -> Callable[[Law], Law]:
    """Runs a law with made-up runs and rules of one kind."""

    def wrap(holds: Law) -> Law:
        def test(kind: str) -> None:
            made = PARAMETERS[kind].map(lambda parameters: kinds()[kind](**parameters))
            tried(st.tuples(runs(keyed=keyed), made, *more), holds)

        test.__name__, test.__doc__ = holds.__name__, holds.__doc__
        return pytest.mark.parametrize("kind", KINDS)(test)  # type: ignore[no-any-return]

    return wrap


def report(rows: Sequence[Span | Record], *rules: Rule, ends: bool = False, when: bool = False, **how: Any) -> Report:
    """The report of a run of these rows, by one shape."""
    shape = Shape(
        shape="made",
        flow=Correlation(
            key=AttributeName("k"),
            aliases=(AttributeName("cid"),),
            ends=Ends(steps=(StepName("end"),)) if ends else None,
        ),
        facts={"sort": (Fact(attribute=AttributeName("sort")),)},
        when={FactName("sort"): "day"} if when else {},
        steps=STEPS,
        assertions=rules,
    )
    spans = Reading(url="s", spans=tuple(r for r in rows if isinstance(r, Span)))
    records = Reading(url="r", records=tuple(r for r in rows if isinstance(r, Record)))
    return check([shape], spans=spans, records=records, **{"at": "2026-01-01T00:01:00Z", "max_explained": 0, **how})


def verdict(rows: Sequence[Span | Record], rule: Rule, **how: Any) -> str:
    """Its verdict of the rule."""
    (run,) = report(rows, rule, **how).run_assertions
    return str(run.rule.verdict)


def entangled(rows: Sequence[Span | Record]) -> bool:
    """Whether rows of one message say different keys: a lost one leaves the message to the other flow."""
    keys: dict[Any, set[str]] = {}
    for row in rows:
        key = (row.attributes if isinstance(row, Span) else row.value).get("k")
        for m in message_ids(row):
            keys.setdefault(m, set()).update([str(key)] if key is not None else [])
    return any(len(found) > 1 for found in keys.values())


@law(st.randoms(use_true_random=False))
def test_shuffled_rows_give_the_same_report(text: str, rule: Rule, rng: random.Random) -> None:
    """The order of rows changes nothing of what is said across flows."""
    rows = list(rows_of(text))
    told = report(rows, rule)
    rng.shuffle(rows)
    assert report(rows, rule).run_assertions == told.run_assertions


@law(st.sampled_from(("lossy", "spans=lossy", "records=lossy")), st.booleans())
def test_a_lost_row_never_turns_a_run_over(text: str, rule: Rule, premise: str, when: bool) -> None:
    """Without any one row that may be lost, a good run is never violated and a bad one never satisfied.

    Left out are runs in which rows of one message say different keys, as for flows.
    """
    rows = rows_of(text)
    if entangled(rows):
        return
    whole = verdict(rows, rule, when=when)
    for i, row in enumerate(rows):
        if premise == f"{'records' if isinstance(row, Span) else 'spans'}=lossy":
            continue
        rest = verdict((*rows[:i], *rows[i + 1 :]), rule, assume=premise, when=when)
        assert not opposite(whole, rest), f"without {row.id}"


@law(st.integers(0, 255))
def test_a_run_that_is_final_although_rows_may_be_lost_stays_with_more_rows(text: str, rule: Rule, kept: int) -> None:
    """A final verdict on some of the rows, under lossy, is never turned over by the others."""
    rows = rows_of(text)
    if entangled(rows):
        return
    early = verdict([row for i, row in enumerate(rows) if kept >> i & 1], rule, assume="lossy")
    assert not opposite(early, verdict(rows, rule))
    assert not opposite(early, verdict(rows, rule, assume="lossy"))


@law()
def test_a_run_that_is_final_under_lossy_is_the_same_under_complete(text: str, rule: Rule) -> None:
    """A premise more can only decide what was open, never change what was decided."""
    rows = rows_of(text)
    lossy = verdict(rows, rule, assume="lossy")
    if lossy in FINAL:
        assert verdict(rows, rule) == lossy


@law(st.booleans(), keyed=True)
def test_asked_again_as_of_every_moment_it_never_flaps(text: str, rule: Rule, ends: bool) -> None:
    """As of any moment before the last row it is pending where more may change it: final stays final.

    Left out are moments at which a span or a record was under way; each row has its key, so none moves with a later.
    """
    rows = rows_of(text)
    before: str | None = None
    for at_ns in range(ORIGIN_NS - MS, last_of(rows) + 2 * MS, MS):
        if any(Observation(row=row).first_ns <= at_ns < Observation(row=row).last_ns for row in rows):
            continue
        now = verdict(rows, rule, ends=ends, at=f"2026-01-01T00:00:00.{max(at_ns - ORIGIN_NS, 0):09d}Z")
        assert before is None or not opposite(before, now), f"{before}, then {now} at {(at_ns - ORIGIN_NS) // MS} ms"
        before = now if now in FINAL else before


@law()
def test_flows_that_the_shape_is_not_about_change_nothing(text: str, rule: Rule) -> None:
    """A run with and without the flows of another sort gets the same verdict and findings."""
    rows = rows_of(text)
    flows = gather(
        [r for r in rows if isinstance(r, Span)],
        [r for r in rows if isinstance(r, Record)],
        correlation=Correlation(key=AttributeName("k")),
    ).flows
    if any(flow.crossing or flow.shared for flow in flows.values()) or entangled(rows):
        return
    other = [
        replace(row, attributes={**row.attributes, "k": "another", "sort": "night"}, trace_id="f" * 32, links=())
        for row in rows
        if isinstance(row, Span)
    ]
    other = [replace(row, attributes={n: v for n, v in row.attributes.items() if n != "event_id"}) for row in other]
    other = [replace(row, attributes={n: v for n, v in row.attributes.items() if n != "cid"}) for row in other]
    (alone,) = report(rows, rule, when=True).run_assertions
    (among,) = report([*rows, *other], rule, when=True).run_assertions
    assert among.rule.verdict == alone.rule.verdict
    assert [j.finding for j in among.rule.findings] == [j.finding for j in alone.rule.findings]
    assert among.flows == alone.flows


@law(st.sampled_from("1234"))
def test_narrowed_down_to_one_flow_the_run_is_judged_all_the_same(text: str, rule: Rule, key: str) -> None:
    """`--flow` chooses which flows are judged, not what a run is."""
    rows = rows_of(text)
    whole = report(rows, rule)
    assert report(rows, rule, flows=[key]).run_assertions == whole.run_assertions


@law()
def test_it_changes_no_flow_and_counts_in_the_run(text: str, rule: Rule) -> None:
    """Flows are judged as without it; the run's verdict is the worst of all."""
    rows = rows_of(text)
    never = kinds()["never"](step="some")
    alone, both = report(rows, never), report(rows, never, rule)
    assert both.flows == alone.flows
    (run,) = both.run_assertions
    assert both.verdict is merge([*(f.verdict for f in alone.flows if f.verdict), run.rule.verdict])
    assert ("made:" + run.rule.id in both.unfired) == (run.rule.verdict is Verdict.VACUOUS and bool(alone.flows))


@pytest.mark.parametrize("kind", KINDS)
def test_every_verdict_occurs(kind: str) -> None:
    """The made-up runs are no desert: every verdict of the kind is among them."""
    seen: set[str] = set()

    @seed(SEED)
    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(runs(), PARAMETERS[kind], st.sampled_from(("complete", "lossy")), st.booleans())
    def run(text: str, parameters: dict[str, Any], premise: str, ends: bool) -> None:
        seen.add(verdict(rows_of(text), kinds()[kind](**parameters), assume=premise, ends=ends))

    run()
    assert {"satisfied", "violated", "inconclusive", "pending", "vacuous"} <= seen


DATA = Path(__file__).parents[1] / "data" / "huleedu" / "enriched"
HASHED = """
import json, os, sys
if "FAULTS" in os.environ: import tests.breaking.fault
from verifier import check, load_shape
from verifier.reports.json import document
print(json.dumps(document(check([load_shape("phase1-classes")], spans=sys.argv[1], records=sys.argv[2]))))
"""


def test_the_hash_seed_changes_nothing() -> None:
    """The same report, byte for byte, whatever order sets and dicts of texts have."""
    files = [str(DATA / f"timeout_monitor.{end}.jsonl") for end in ("otlp", "events")]
    told = {
        subprocess.run(
            [sys.executable, "-c", HASHED, *files],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1", "2")
    }
    assert len(told) == 1
    assert document(check([load_shape("phase1-classes")], spans=files[0], records=files[1]))["run_assertions"]
