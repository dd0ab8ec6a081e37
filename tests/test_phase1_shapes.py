"""The packaged Phase 1 shapes on recorded batches that were changed so that the truth is known."""

from dataclasses import replace
from pathlib import Path

from verifier import load_shape
from verifier.run import check, read
from verifier.spans import Reading

DATA = Path(__file__).parent / "data" / "huleedu" / "enriched"
STUCK = "021926f4-023c-4199-81cc-56d6cadb4aea"
ELS, CONFIRMED = "essay_lifecycle_service", "class.student.associations.confirmed"


def test_batch_that_is_stuck_in_bos_is_violated_though_els_was_restarted() -> None:
    """ELS died with its confirmation and came back for others; only BOS moves the status, and BOS saw no ready."""
    evidence = read(str(DATA / "regular.otlp.jsonl"), str(DATA / "regular.events.jsonl"))
    death = max(s.end_ns for s in evidence.spans if s.attributes.get("batch_id") == STUCK and "initiate" in s.name)
    gone = {"kafka.consume.batch_essays_ready", f"kafka.consume.huleedu.{CONFIRMED}.v1"}
    spans = tuple(
        replace(s, instance="another") if s.service == ELS and s.start_ns > death + 5 * 10**9 else s
        for s in evidence.spans
        if not (s.attributes.get("batch_id") == STUCK and s.name in gone)
        and not (s.service == ELS and death < s.start_ns <= death + 5 * 10**9)
    )
    records = tuple(
        r for r in evidence.records if not (STUCK in str(r.value) and r.topic == "huleedu.els.batch.essays.ready.v1")
    )
    report = check(
        [load_shape("phase1-regular")],
        spans=Reading(url="s", spans=spans),
        records=Reading(url="r", records=records),
        flows=[STUCK],
        at="+10m",
    )
    rules = {a.id: str(a.verdict) for a in report.flow(STUCK).assertions}
    assert rules["leads_to-6"] == "inconclusive", "whether ELS handled the confirmation went with its process"
    assert rules["conforms-1"] == "violated"


def _guest(at: str, lost: bool) -> dict[str, str]:
    """The verdicts of a recorded GUEST batch by rule, with or without what BOS did on its completion."""
    evidence = read(str(DATA / "guest.otlp.jsonl"), str(DATA / "guest.events.jsonl"))
    done = [s for s in evidence.spans if s.name.endswith("batch_content_provisioning_completed")]
    flow = str(done[0].attributes["batch_id"])
    gone = {s.trace_id + s.span_id for s in done if lost and s.attributes.get("batch_id") == flow}
    assert gone or not lost
    spans = tuple(s for s in evidence.spans if s.trace_id + s.span_id not in gone)
    report = check(
        [load_shape("phase1-guest")],
        spans=Reading(url="s", spans=spans),
        records=Reading(url="r", records=evidence.records),
        flows=[flow],
        at=at,
    )
    return {a.id: str(a.verdict) for a in report.flow(flow).assertions}


def test_completion_that_bos_never_handles_is_violated_minutes_later_not_a_day() -> None:
    """The files' bound of 26 hours is for people; from the published completion on, nobody is waited for."""
    assert _guest("+4m", lost=False)["leads_to-2"] == "satisfied"
    assert _guest("+4m", lost=True)["leads_to-2"] == "pending"
    assert _guest("+10m", lost=True)["leads_to-2"] == "violated"
