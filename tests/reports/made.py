"""Reports made by hand: every class of finding and every verdict, without the engine.

`report()` is a run with one flow of each verdict, `satisfied()` and `pending()` are quieter ones.
"""

from dataclasses import replace

from verifier.clock import INFINITY_NS, Interval, Order
from verifier.flows import Stray
from verifier.spans import Event, Loss, Observation, Record, Span
from verifier.verdict import (
    Absence,
    AssertionVerdict,
    Broken,
    Early,
    Evidence,
    Finding,
    FlowVerdict,
    Illegal,
    Judged,
    Late,
    Mismatch,
    Misordered,
    Missing,
    Report,
    SourceReport,
    Unexpected,
    Unproven,
    Unreadable,
    Verdict,
    merge,
)

MS, S, M, H = 10**6, 10**9, 60 * 10**9, 3600 * 10**9
T = 1_795_384_800 * S  # 2026-11-22T22:00:00Z
BOS, ELS, CMS = "batch_orchestrator_service", "essay_lifecycle_service", "class_management_service"
CONFIRMED = "huleedu.class.student.associations.confirmed.v1"
V, P, UNSURE = Verdict.VIOLATED, Verdict.PENDING, Verdict.INCONCLUSIVE


def span(service: str, name: str, start_ns: int, end_ns: int, *, number: int = 1, kind: str = "consumer") -> Span:
    """A span with counted ids."""
    return Span(
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        service=service,
        instance=f"{service}-1",
        name=name,
        kind=kind,
        start_ns=start_ns,
        end_ns=end_ns,
    )


def record(topic: str, made_ns: int | None, seen_ns: int, *, offset: int = 12) -> Record:
    """A record of partition 0."""
    return Record(topic=topic, partition=0, offset=offset, made_ns=made_ns, seen_ns=seen_ns)


def seen(role: str, row: Span | Record, *, event: Event | None = None) -> Evidence:
    """Evidence with the intervals that the clocks give it."""
    of = Observation(row=row, event=event, index=-1 if event is None else 0)
    if event is not None:
        start = end = Interval(event.time_ns, event.time_ns)
    elif isinstance(row, Record):
        start = end = Interval(-INFINITY_NS if row.made_ns is None else row.made_ns, row.seen_ns)
    else:
        start = Interval(row.start_ns, row.start_ns)
        end = Interval(row.end_ns, row.end_ns if row.end_ns >= row.start_ns else INFINITY_NS)
    return Evidence(role=role, of=of, start=start, end=end)


CONFIRM = span(BOS, "kafka.consume.student_associations_confirmed", T + 67412 * MS, T + 67530 * MS, number=1)
READY = span(BOS, "kafka.consume.batch_essays_ready", T + 66981 * MS, T + 67022 * MS, number=2)
COMMAND = span(ELS, "kafka.consume.huleedu.batch.student.matching.initiate.command.v1", T + S, T + 2 * S, number=3)
CONTENT = span(ELS, "kafka.consume.huleedu.file.essay.content.provisioned.v1", T, T + 40 * MS, number=4)
FAILED = span(ELS, "kafka.consume.huleedu.batch.essays.registered.v1", T + 5 * MS, T + 9 * MS, number=5)
PUBLISHED = record(CONFIRMED, T + 66 * S, T + 66 * S + 20 * MS)
SUGGESTED = record("huleedu.batch.author.matches.suggested.v1", None, T + 3 * S, offset=7)
MOVE = Event(name="batch.status.transition", time_ns=T + 8 * S)


def misordered() -> Misordered:
    """ready before the end of confirmed, by one clock."""
    return Misordered(
        step="ready",
        service=BOS,
        first="end of confirmed",
        then="start of ready",
        order=Order(answer="no", basis="one clock", apart_ns=549 * MS),
        evidence=(seen("ready", READY), seen("confirmed", CONFIRM)),
        absences=(Absence(steps=("confirmed",), until_ns=T + 66981 * MS),),
        anomaly="premature start",
    )


def untold() -> Misordered:
    """Two clocks, too close to tell."""
    return Misordered(
        step="ready",
        service=BOS,
        first="els_confirmed",
        then="ready",
        order=Order(answer="unknown", basis="clocks too close", apart_ns=2 * MS, clocks=(f"{ELS}-1", f"{BOS}-1")),
        evidence=(seen("ready", READY), seen("els_confirmed", COMMAND)),
        certain=False,
    )


def lost() -> Missing:
    """command without requested."""
    return Missing(
        step="requested",
        since="command",
        due_ns=T + 5 * M,
        limit_ns=5 * M,
        evidence=(seen("command", COMMAND),),
        absences=(Absence(steps=("requested",), until_ns=T + 5 * M),),
        anomaly="lost event",
    )


def too_few() -> Missing:
    """One of two contents."""
    return Missing(
        step="content",
        service=ELS,
        seen=(1, 1),
        wanted="2 (fact expected_essays)",
        evidence=(seen("content", CONTENT),),
        anomaly="lost event",
    )


def neither() -> Missing:
    """A timeout that never ended."""
    return Missing(
        step="by_timeout",
        instead=("by_teacher",),
        since="suggested",
        due_ns=T + 25 * H + 5 * M,
        limit_ns=25 * H + 5 * M,
        evidence=(seen("suggested", SUGGESTED),),
        anomaly="stuck",
    )


def stuck() -> Missing:
    """A machine that doesn't reach its final state."""
    return Missing(
        step="change",
        service=BOS,
        state="awaiting_student_validation",
        final=("ready_for_pipeline_execution",),
        evidence=(seen("a -> b", READY, event=MOVE),),
        anomaly="stuck",
    )


def again() -> Unexpected:
    """content_done after ready."""
    return Unexpected(
        step="content_done",
        service=BOS,
        after="ready",
        evidence=(seen("content_done", CONFIRM),),
        anomaly="state regression",
    )


def failed() -> Unexpected:
    """A failed span."""
    return Unexpected(
        service=ELS,
        message="connection refused",
        evidence=(seen("failed", FAILED),),
        absences=(Absence(spans=True, until_ns=T + M),),
        anomaly="error",
    )


def changed() -> Mismatch:
    """A course code that changes on its way."""
    return Mismatch(
        service=CMS,
        attribute="course_code",
        how="changed",
        seen="SV1",
        expected="ENG5",
        topic=CONFIRMED,
        evidence=(seen("course_code=ENG5", CONTENT), seen("course_code=SV1", PUBLISHED)),
        anomaly="broken propagation",
    )


def late() -> Late:
    """An answer that took too long, on the business clock."""
    return Late(
        step="by_timeout",
        service=CMS,
        first="suggested",
        then="by_timeout",
        took=Interval(26 * H + 3 * S, 26 * H + 3 * S + 20 * MS),
        limit_ns=25 * H + 5 * M,
        jumped=Interval(26 * H, 26 * H),
        evidence=(seen("suggested", SUGGESTED), seen("by_timeout", PUBLISHED)),
        anomaly="late response",
    )


def early() -> Early:
    """A timeout before its time."""
    return Early(
        step="by_timeout",
        service=CMS,
        first="suggested",
        then="by_timeout",
        took=Interval(23 * H, 23 * H),
        limit_ns=24 * H,
        evidence=(seen("suggested", SUGGESTED), seen("by_timeout", PUBLISHED)),
        anomaly="premature timeout",
    )


def illegal() -> Illegal:
    """A move that the machine doesn't have."""
    return Illegal(
        step="change",
        service=BOS,
        machine="batch",
        source="awaiting_content_validation",
        target="ready_for_pipeline_execution",
        allowed=("awaiting_student_validation", "content_ingestion_failed"),
        evidence=(seen("change", READY, event=MOVE),),
        anomaly="illegal transition",
    )


def unreadable() -> Unreadable:
    """A value that is on no span."""
    return Unreadable(
        step="command",
        service=ELS,
        what="course_code",
        why="it is not on the span, and the record of its message was not seen",
        settled_by="the record of its message",
        evidence=(seen("command", COMMAND),),
    )


def unproven() -> Unproven:
    """Nothing seen, nothing proven."""
    return Unproven(evidence=(seen("seen", CONTENT),), absences=(Absence(steps=("content_done",)),))


def broken() -> Broken:
    """A rule that raised."""
    return Broken(rule="has-2", exception="ZeroDivisionError: division by zero")


def findings() -> tuple[Finding, ...]:
    """One of every class, and the variants that have words of their own."""
    return (
        misordered(),
        untold(),
        lost(),
        too_few(),
        neither(),
        stuck(),
        again(),
        failed(),
        changed(),
        late(),
        early(),
        illegal(),
        unreadable(),
        unproven(),
        broken(),
    )


def rule(name: str, verdict: Verdict, *judged: Judged, line: int = 49, due_ns: int | None = None) -> AssertionVerdict:
    """A rule with its findings."""
    return AssertionVerdict(
        id=name,
        kind=name.rpartition("-")[0],
        at=f"phase1-regular.yaml:{line}",
        verdict=verdict,
        findings=judged,
        premises=tuple(dict.fromkeys(p for j in judged for p in j.premises)),
        due_ns=due_ns,
    )


def sure(finding: Finding) -> Judged:
    """Violated, with the premise that it takes."""
    premise = f"spans of {BOS} complete from 2026-11-22T22:00:00.000000Z to 2026-11-22T22:05:00.000000Z"
    return Judged(finding=finding, verdict=V, premises=(premise,) if finding.absences else ())


def flow(key: str, *rules: AssertionVerdict, **more: object) -> FlowVerdict:
    """A flow under phase1-regular with the verdict that its rules give it."""
    made = FlowVerdict(
        shape="phase1-regular",
        name="batch_id",
        key=key,
        verdict=merge(r.verdict for r in rules),
        aliases={"correlation_id": ("69c0a1", "7f00b2")},
        traces=(f"{1:032x}", f"{2:032x}"),
        facts={"expected_essays": 2, "class_type": "REGULAR"},
        opened_ns=T,
        last_seen_ns=T + 67530 * MS,
        spans=41,
        records=15,
        assertions=rules,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def violated_flow(key: str = "85e4cdbd-6a0b-4d93-9dbe-08d09b0e2d13") -> FlowVerdict:
    """Everything that can be violated, one rule inconclusive, one pending, one excused."""
    excused = AssertionVerdict(
        id="no_errors-19", kind="no_errors", at=None, verdict=Verdict.SATISFIED, excused=(seen("recovered", FAILED),)
    )
    return flow(
        key,
        rule("sequence-1", Verdict.SATISFIED),
        rule("leads_to-5", V, sure(lost())),
        rule("precedes-10", V, sure(misordered())),
        rule("occurs-12", V, sure(too_few())),
        rule("never-14", V, sure(again())),
        rule("timeout-15", V, sure(early()), sure(late())),
        rule("propagates-16", V, sure(changed())),
        rule("conforms-17", V, sure(illegal()), sure(stuck())),
        rule("no_errors-18", V, sure(failed())),
        rule("precedes-11", UNSURE, Judged(finding=untold(), verdict=UNSURE)),
        rule("timeout-20", P, Judged(finding=neither(), verdict=P, due_ns=T + 26 * H), due_ns=T + 26 * H),
        excused,
    )


def error_flow() -> FlowVerdict:
    """A rule failed."""
    return flow("b7000001-error", rule("has-2", Verdict.ERROR, Judged(finding=broken(), verdict=Verdict.ERROR)))


def inconclusive_flow() -> FlowVerdict:
    """Two rules that one thing would settle, and one that another would."""
    reason, settle = f"no records of {CONFIRMED} were given", f"records of {CONFIRMED} (--records)"
    blind = {"verdict": UNSURE, "reason": reason, "settled_by": settle}
    return flow(
        "b7000002-inconclusive",
        rule("leads_to-5", UNSURE, Judged(finding=lost(), **blind)),  # type: ignore[arg-type]
        rule("never-14", UNSURE, Judged(finding=unproven(), **blind)),  # type: ignore[arg-type]
        rule(
            "propagates-16",
            UNSURE,
            Judged(finding=unreadable(), verdict=UNSURE, settled_by="the record of its message"),
        ),
        rule("precedes-11", UNSURE, Judged(finding=untold(), verdict=UNSURE)),
    )


def unknown_flow() -> FlowVerdict:
    """A fact that nothing tells: its rules are judged all the same."""
    why = "class_type is unknown: no place answers: attribute class_type"
    return flow("b7000003-unknown", rule("sequence-1", Verdict.SATISFIED), verdict=UNSURE, reason=why)


def pending_flow() -> FlowVerdict:
    """One rule not yet due."""
    waiting = Judged(finding=neither(), verdict=P, due_ns=T + 25 * H + 5 * M, reason="it may yet come")
    due = T + 25 * H + 5 * M
    return flow("b7000004-pending", rule("timeout-15", P, waiting, due_ns=due), rule("never-14", P), due_ns=due)


def good_flow(n: int) -> FlowVerdict:
    """Nothing wrong."""
    rules = (rule("sequence-1", Verdict.SATISFIED), rule("timeout-15", Verdict.VACUOUS))
    return flow(f"c{n:07d}-satisfied", *rules)


def no_shape() -> FlowVerdict:
    """A flow to which no shape applies."""
    why = "no shape applies: every guard is false"
    return FlowVerdict(shape=None, name="batch_id", key="d0000000-guest", verdict=None, reason=why, spans=3)


def report(*flows: FlowVerdict, **more: object) -> Report:
    """A run over these flows; over one of each verdict if none is given."""
    every = flows or (
        good_flow(1),
        violated_flow(),
        error_flow(),
        inconclusive_flow(),
        unknown_flow(),
        pending_flow(),
        no_shape(),
    )
    made = Report(
        verdict=merge(f.verdict for f in every if f.verdict is not None),
        at_ns=T + 5 * M,
        version="0.1.0",
        assume="complete",
        sources=(SourceReport(url="run.otlp.jsonl", spans=319, records=0),),
        flows=every,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def full() -> Report:
    """Every section that a report can have."""
    losses = (
        Loss(kind="orphan_parent", where="nlp_service", count=2, what="the parents of 2 spans were not seen"),
        Loss(kind="repeated_span", where="run.otlp.jsonl", count=3),
    )
    return report(
        sources=(
            SourceReport(url="run.otlp.jsonl", spans=319, records=0, losses=losses),
            SourceReport(url="run.events.jsonl", spans=0, records=44, failed="line 45 ends in the middle of a record"),
        ),
        strays=(Stray(row=CONTENT), Stray(row=PUBLISHED, alias="correlation_id", value="69c0a1")),
        unfired=("phase1-regular:timeout-15",),
        unmatched_steps=("phase1-regular:els_confirmed", "phase1-regular:pipeline"),
        notes=("69c0a1 leads to 2 flows: b1, b2",),
        again="verifier check phase1-regular --spans run.otlp.jsonl --records run.events.jsonl --flow 85e4cdbd",
    )


def satisfied(flows: int = 8) -> Report:
    """Nothing wrong anywhere."""
    return report(*(good_flow(n) for n in range(flows)))


def pending() -> Report:
    """Nothing wrong so far."""
    return report(good_flow(1), pending_flow())
