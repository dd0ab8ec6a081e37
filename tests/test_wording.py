"""The words of findings: titles, numbers, moments, safe text, the story of a flow."""

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reports import made
from tests.reports.made import BOS, CMS, ELS, MS, H, M, S, T
from verifier import wording
from verifier.clock import INFINITY_NS, Interval, Order
from verifier.flows import Stray
from verifier.shape import duration_ns
from verifier.spans import Loss
from verifier.verdict import Absence, Finding, Judged, Late, Mismatch, Misordered, Missing, Unexpected, Verdict

ESC, BELL, CSI, RLO = "\x1b", "\x07", "\x9b", "\u202e"


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5us"),
        (250 * MS, "250ms"),
        (1_500 * MS, "1.5s"),
        (5 * M, "5m"),
        (65 * M, "1h 5m"),
        (26 * H, "26h"),
        (25 * H + 3 * S, "25h 0m 3s"),
        (24 * H - 1, "23h 59m 59.999999999s"),
        (-2 * MS, "-2ms"),
    ],
)
def test_a_duration_is_exact_and_short(ns: int, text: str) -> None:
    """No digit is lost, no unit is empty."""
    assert wording.duration(ns) == text


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=10**18))
def test_a_duration_reads_back(ns: int) -> None:
    """What is printed is what was measured."""
    assert duration_ns(wording.duration(ns).replace(" ", "")) == ns


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (T, "2026-11-22T22:00:00.000000Z"),
        (T + 412 * MS, "2026-11-22T22:00:00.412000Z"),
        (T + 1, "2026-11-22T22:00:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1 << 90, f"{1 << 90} ns after 1970"),
    ],
)
def test_a_moment_is_iso_8601_in_utc(ns: int, text: str) -> None:
    """Microseconds always, nanoseconds where they are not zero, and no crash outside of the calendar."""
    assert wording.moment(ns) == text


@pytest.mark.parametrize(
    ("took", "text"),
    [
        (Interval(5_200 * MS, 5_300 * MS), "5.2s to 5.3s"),
        (Interval(S, S), "1s"),
        (Interval(S, INFINITY_NS + S), "at least 1s"),
        (Interval(-INFINITY_NS - S, S), "at most 1s"),
        (Interval(-INFINITY_NS, INFINITY_NS), "an unknown time"),
    ],
)
def test_an_interval_says_both_its_ends(took: Interval, text: str) -> None:
    """An end that nothing tells is not a number."""
    assert wording.between(took) == text


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (made.misordered(), "ready was handled before confirmed had finished"),
        (made.lost(), "requested did not follow command within 5m"),
        (made.too_few(), "content occurred 1 time, expected 2 (fact expected_essays)"),
        (made.neither(), "neither by_teacher nor by_timeout came within 25h 5m of suggested"),
        (made.stuck(), "the state stays at awaiting_student_validation, expected ready_for_pipeline_execution"),
        (made.again(), "content_done happened after ready"),
        (
            made.failed(),
            "essay_lifecycle_service kafka.consume.huleedu.batch.essays.registered.v1 failed: connection refused",
        ),
        (
            made.changed(),
            "course_code changed from ENG5 to SV1 at class_management_service "
            "(huleedu.class.student.associations.confirmed.v1)",
        ),
        (made.late(), "by_timeout came 26h 0m 3s to 26h 0m 3.02s after suggested, expected within 25h 5m"),
        (made.early(), "by_timeout came 23h after suggested, expected not before 24h"),
        (
            made.illegal(),
            "batch moved from awaiting_content_validation to ready_for_pipeline_execution, which is not allowed",
        ),
        (
            made.untold(),
            "whether els_confirmed came before ready can't be told: 2ms apart, and the clocks of "
            "essay_lifecycle_service and batch_orchestrator_service may differ by more",
        ),
        (made.unproven(), "nothing was seen against it, but that proves nothing here"),
        (made.broken(), "the rule has-2 itself failed: ZeroDivisionError: division by zero"),
        (
            replace(made.late(), certain=False, took=Interval(5 * M - MS, 5 * M + MS), limit_ns=5 * M),
            "whether by_timeout came within 5m of suggested can't be told: it took 4m 59.999s to 5m 0.001s",
        ),
        (
            replace(made.misordered(), first="content", then="ready", wanted=2, seen=1),
            "ready was handled when only 1 of 2 content had come",
        ),
        (
            replace(made.illegal(), state="cancelled"),
            "batch moved from awaiting_content_validation to ready_for_pipeline_execution, though it was at cancelled",
        ),
        (
            replace(made.lost(), since=None, before="end of ready", limit_ns=None),
            "no requested came before the end of ready",
        ),
        (replace(made.lost(), since=None, limit_ns=None), "requested never came"),
        (replace(made.failed(), certain=False, doubt="a later one is unclear", message=None), None),
        (Mismatch(attribute="code", how="lost", step="ready", service=BOS), f"code was lost at ready ({BOS})"),
        (
            Mismatch(attribute="code", how="not_allowed", seen="X", expected=("A", "B"), service=BOS),
            f"code is X at {BOS}, expected one of A and B",
        ),
        (
            Mismatch(attribute="paid", how="condition", seen=True, expected="false", step="ready"),
            "paid is true at ready, expected false",
        ),
        (
            Unexpected(step="content", seen=(3, 3), wanted="2", group="event_id=x"),
            "content occurred 3 times for event_id=x, expected 2",
        ),
    ],
)
def test_a_title_is_the_whole_story(finding: Finding, text: str | None) -> None:
    """Who, what and how much, in one fragment."""
    if text is None:
        text = f"perhaps {ELS} {made.FAILED.name} failed: a later one is unclear"
    assert wording.title(finding) == text


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (Order(answer="unknown", basis="equal times on one clock"), "equal times on one clock"),
        (
            Order(answer="unknown", basis="clocks that contradict a causal pair", clocks=("x", "y")),
            "the clocks of x and y contradict a cause and its effect",
        ),
        (
            Order(answer="unknown", basis="clocks too close", clocks=("x", "y")),
            "at the same time, and the clocks of x and y may differ by more",
        ),
    ],
)
def test_an_order_that_cannot_be_told_says_why(order: Order, why: str) -> None:
    """Clocks are named, by their services where they are known."""
    finding = Misordered(step="b", first="a", then="b", order=order, certain=False)
    assert wording.title(finding) == f"whether a came before b can't be told: {why}"


def test_a_scope_is_no_point() -> None:
    """Whether something is in scope reads as such."""
    order = Order(answer="unknown", basis="equal times on one clock")
    finding = Misordered(step="b", first="after ready", then="b", scope="after ready", order=order, certain=False)
    assert wording.title(finding) == "whether b came after ready can't be told: equal times on one clock"
    assert wording.expected(finding) is None


def test_two_clocks_of_one_service_keep_their_own_names() -> None:
    """The service says nothing where both are of it."""
    one = replace(made.READY, instance="i1")
    two = replace(made.CONFIRM, instance="i2")
    order = Order(answer="unknown", basis="clocks too close", apart_ns=MS, clocks=("i1", "i2"))
    evidence = (made.seen("ready", one), made.seen("confirmed", two))
    finding = Misordered(first="confirmed", then="ready", order=order, evidence=evidence, certain=False)
    assert "the clocks of i1 and i2" in wording.title(finding)


def test_what_the_test_clock_advanced_is_told_apart() -> None:
    """A business duration says how much of it is a jump."""
    assert wording.observed(made.late()) == "26h 0m 3s to 26h 0m 3.02s, of it 26h advanced by the test clock"


def test_expected_and_observed_give_numbers_and_times() -> None:
    """Both sides of a missing answer."""
    assert wording.expected(made.lost()) == "requested within 5m of command, by 2026-11-22T22:05:00.000000Z"
    assert wording.observed(made.lost()) == "command at 2026-11-22T22:00:01.000000Z, no requested answers it"


def test_the_basis_of_an_order_names_its_clocks() -> None:
    """One clock needs no name."""
    assert wording.basis(made.misordered()) == "one clock"
    assert wording.basis(made.untold()) == f"clocks too close ({ELS} and {BOS})"
    assert wording.basis(made.changed()) is None


def test_a_headline_claims_no_more_than_its_verdict() -> None:
    """Pending is awaited, inconclusive proves nothing, violated is the title."""
    lost = made.lost()
    assert wording.headline(Judged(finding=lost, verdict=Verdict.VIOLATED)) == wording.title(lost)
    waiting = wording.headline(Judged(finding=lost, verdict=Verdict.PENDING))
    assert waiting == "still awaited: requested within 5m of command, by 2026-11-22T22:05:00.000000Z"
    unsure = wording.headline(Judged(finding=lost, verdict=Verdict.INCONCLUSIVE, reason="spans are assumed lossy"))
    assert unsure == "requested did not follow command within 5m, but that proves nothing: spans are assumed lossy"
    later = wording.headline(Judged(finding=made.failed(), verdict=Verdict.PENDING, due_ns=T))
    assert later.startswith(f"not final until {wording.moment(T)}: ")


def test_absences_losses_and_strays_are_sentences() -> None:
    """What a verdict rests on, and what is missing."""
    assert wording.absence(Absence(steps=("a", "b"), until_ns=T)) == f"no further a or b before {wording.moment(T)}"
    assert wording.absence(Absence(spans=True, records=True)) == "no further span or record before the flow ends"
    loss = Loss(kind="orphan_parent", where="nlp_service", count=2, what="2 parents were not seen")
    assert wording.loss(loss) == "2 × orphan parent at nlp_service: 2 parents were not seen"
    stray = Stray(row=made.CONTENT, alias="correlation_id", value="69c0", leads_to=("b1", "b2", "b3"))
    assert wording.stray(stray) == (
        f"span {made.CONTENT.name} of {ELS} is in no flow: correlation_id 69c0 leads to 3 flows: b1, b2, b3"
    )
    assert wording.stray(replace(stray, leads_to=())).endswith("is in no flow: correlation_id 69c0 leads to no flow")
    assert wording.stray(Stray(row=made.PUBLISHED)).startswith(
        f"record {made.CONFIRMED} 0:12 is in no flow: it carries"
    )


def test_control_characters_are_written_out() -> None:
    """C0, C1, escape, direction: none reaches a terminal."""
    assert wording.clean(f"a{ESC}[31m{BELL}{CSI}{RLO}\n\u2028") == "a\\x1b[31m\\x07\\x9b\\u202e\\x0a\\u2028"


@settings(deadline=None)
@given(st.text(max_size=400))
def test_clean_text_is_printable_and_bounded(text: str) -> None:
    """Whatever comes in, even half a surrogate pair."""
    said = wording.clean(text, most=20)
    assert not {unicodedata.category(c) for c in said} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert len(wording.clean("x" * 400, most=20)) == 20
    said.encode()


def test_hostile_telemetry_stays_in_its_place() -> None:
    """Service, name, message and value of a hostile span in every sentence about it."""
    evil = f"{ESC}]0;x{BELL}\n" + "x" * 500
    row = replace(made.FAILED, service=evil, name=evil)
    changed = replace(made.changed(), service=evil, seen=evil, evidence=(made.seen("x", row),))
    failed = Unexpected(service=evil, message=evil, evidence=(made.seen("failed", row),))
    for finding in (changed, failed):
        rule = made.rule("r-1", Verdict.VIOLATED, made.sure(finding))
        story = made.flow(evil, rule).explain()
        assert ESC not in story
        assert BELL not in story
        assert "x" * 201 not in story
        assert wording.title(finding).isprintable()


@settings(deadline=None)
@given(st.text(alphabet="ab .-漢", max_size=120), st.integers(min_value=10, max_value=40))
def test_wrapped_lines_fit_and_lose_nothing(text: str, width: int) -> None:
    """Every sign is kept, in its order; wide signs count twice."""
    lines = wording.wrap(text, first="> ", rest="  ", width=width)
    assert "".join("".join(lines).split()) == ">" + "".join(text.split())
    for line in lines:
        assert sum(2 if c == "漢" else 1 for c in line) <= width


def test_a_long_name_is_broken_after_a_sign() -> None:
    """Not in the middle of a word, where there is a better place."""
    assert wording.wrap("kafka.consume.something", width=16) == ["kafka.consume.", "something"]


def test_the_first_line_of_a_story_is_the_whole_story() -> None:
    """Shape, verdict, key and the worst finding, in one line for those who show only one."""
    first, *rest = made.violated_flow().explain().splitlines()
    assert first == ("phase1-regular violated for batch_id=85e4cdbd…: requested did not follow command within 5m")
    assert max(map(len, rest)) <= 80
    assert "  Flow       batch_id=85e4cdbd-6a0b-4d93-9dbe-08d09b0e2d13" in rest


def test_a_story_has_the_worst_first_and_pending_last() -> None:
    """Violated, then inconclusive, then what is not yet due; nothing of what holds."""
    story = made.violated_flow().explain()
    places = [
        story.index(text) for text in ("violated leads_to-5", "inconclusive 1 rule: precedes-11", "pending 1 rule")
    ]
    assert places == sorted(places)
    assert "sequence-1" not in story


def test_a_story_says_what_would_settle_it() -> None:
    """Why it isn't decided, and what would decide it."""
    lines = [line.strip() for line in made.inconclusive_flow().explain().splitlines()]
    assert "Settled by the record of its message" in lines


def test_long_lists_of_findings_are_counted() -> None:
    """Five are explained, the others counted."""
    many = made.rule("never-1", Verdict.VIOLATED, *[made.sure(made.again())] * 17)
    story = made.flow("b1", many).explain()
    assert story.count("violated never-1 ") == 5
    assert "and 12 more findings of never-1" in story


def test_a_flow_without_a_shape_says_so() -> None:
    """It has no verdict."""
    first = made.no_shape().explain().splitlines()[0]
    assert first == "no shape for batch_id=d0000000…: no shape applies: every guard is false"


@pytest.mark.parametrize("finding", made.findings(), ids=lambda f: f.word)
def test_every_finding_has_words(finding: Finding) -> None:
    """No class is forgotten: a title is more than the class's name."""
    assert wording.title(finding) != finding.word
    assert wording.title(finding).isprintable()


def test_an_unbounded_end_has_no_time() -> None:
    """A span that nobody ended."""
    row = replace(made.READY, end_ns=0)
    assert wording.witness(made.seen("ready", row)).splitlines()[1] == "2026-11-22T22:01:06.981000Z..?"


def test_missing_due_is_optional() -> None:
    """Without a due time none is printed."""
    assert wording.expected(Missing(step="a", since="b")) == "a after b"
    assert (
        wording.expected(Late(first="a", then="b", took=Interval(S, S), limit_ns=S, service=CMS)) == "b within 1s of a"
    )


@pytest.mark.parametrize(
    ("finding", "title", "expected", "observed"),
    [
        (
            replace(made.stuck(), final=(), limit_ns=5 * M),
            "the state stays at awaiting_student_validation for more than 5m",
            "the state to leave awaiting_student_validation within 5m",
            "awaiting_student_validation since 2026-11-22T22:00:08.000000Z",
        ),
        (
            Missing(step="a", before="b", seen=(0, 0), wanted="2"),
            "no a came before b, expected 2",
            "2 a before b",
            "0 occurrences of a",
        ),
        (
            Missing(step="a", since="b", before="c", limit_ns=S, due_ns=None),
            "a did not follow b within 1s, yet c came",
            "a within 1s of b",
            None,
        ),
        (
            Unexpected(step="a", seen=(3, 4), wanted="0..1"),
            "a occurred 3 to 4 times, expected 0..1",
            "0..1 occurrences of a",
            "3 to 4 occurrences of a",
        ),
        (Unexpected(step="a"), "a happened and may not", "no a", "a at an unknown time"),
        (
            Mismatch(attribute="code", how="lost"),
            "code was lost",
            "code to be there",
            "no code",
        ),
        (
            Mismatch(attribute="code", how="not_allowed", seen="", expected=("A", "B")),
            "code is '', expected one of A and B",
            "code to be one of A and B",
            "code ''",
        ),
        (
            Misordered(first="a", then="b", order=Order(answer="no", basis="causal")),
            "b happened before a",
            "a before b",
            "b led to a",
        ),
        (
            Misordered(first="a", then="end of b", order=Order(answer="no", basis="one partition")),
            "b finished before a",
            "a before the end of b",
            "b has the lower offset in the partition",
        ),
        (
            Misordered(first="end of a", then="b", wanted=2, seen=1),
            "b happened when only 1 of 2 a had finished",
            "2 a before b",
            "1 a surely before it",
        ),
        (
            Misordered(first="a", then="a", certain=False),
            "which a came first can't be told: nothing orders them",
            "a before a",
            None,
        ),
        (
            replace(made.early(), certain=False, took=Interval(23 * H, 25 * H)),
            "whether by_timeout came no sooner than 24h after suggested can't be told: it took 23h to 25h",
            "by_timeout not before 24h after suggested",
            "23h to 25h",
        ),
        (
            replace(made.unreadable(), raw=(1, True, b"\x00"), why=""),
            "course_code at command can't be told",
            None,
            '[1, true, "00"]',
        ),
        (
            replace(made.unproven(), activated=False),
            "nothing was seen that it applies to, but that proves nothing here",
            None,
            None,
        ),
    ],
)
def test_every_variant_has_its_words(finding: Finding, title: str, expected: str | None, observed: str | None) -> None:
    """The less common fields of each class."""
    assert wording.title(finding) == title
    assert wording.expected(finding) == expected
    assert wording.observed(finding) == observed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        ("", "''"),
        (True, "true"),
        (0.7, "0.7"),
        (b"\x00\xff", "2 bytes 00ff"),
        ({"b": 1}, '{"b": 1}'),
    ],
)
def test_a_value_reads_as_what_it_is(value: str | bool | float | bytes | dict[str, int] | None, text: str) -> None:
    """Empty, absent, true: never a blank."""
    assert wording.value(value) == text


def test_a_flow_without_findings_still_says_why() -> None:
    """Satisfied, or waiting for something that no finding names."""
    assert wording.flow_headline(made.good_flow(1)) == "1 rule held"
    waiting = made.flow("b1", made.rule("never-1", Verdict.PENDING))
    assert wording.flow_headline(waiting) == "it is not over"
    due = replace(waiting, due_ns=T)
    assert wording.flow_headline(due) == f"it is not over; the next rule is due at {wording.moment(T)}"
