"""How strong shapes are: what they let live, what is no mutant, and the command."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from verifier import load_shape, read
from verifier.cli import main
from verifier.run import Evidence
from verifier.strength import Strength, measure
from verifier.strength.words import lines, sentence

DATA = Path(__file__).parents[1] / "data" / "huleedu"
SHAPE = Path(__file__).parents[2] / "verifier" / "shapes" / "phase1-regular.yaml"
SHIPPED = ("phase1-regular", "phase1-guest")

# What the shipped shapes let live on each recording, with the reason in docs/how-to/measure-a-shapes-strength.md.
REFUSED = {("twice", "confirmed"), ("twice", "ready")}
LIVING = {
    "regular": {*(("order", step) for step in ("content", "registered", "suggested")), *REFUSED},
    "enriched/regular": {("order", step) for step in ("content", "register", "registered", "suggested")},
    "guest": {("twice", "content_done"), ("order", "register")},
    "enriched/guest": {
        ("missing", "change"),
        *(("order", step) for step in ("content", "register", "registered")),
    },
    "course_mismatch": REFUSED,
    "enriched/course_mismatch": set(),
    "duplicates": REFUSED,
    "enriched/timeout_monitor": {
        *(("order", step) for step in ("els_confirmed", "register")),
        ("changed", "by_timeout"),
    },
}


@cache
def _evidence(capture: str) -> Evidence:
    return read(DATA / f"{capture}.otlp.jsonl", DATA / f"{capture}.events.jsonl")


def _measure(capture: str, shapes: Sequence[str] = SHIPPED, **how: object) -> Strength:
    params = {"auto_confirm_after": "0s"} if "timeout" in capture else {}
    return measure([load_shape(s) for s in shapes], _evidence(capture), params=params, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize("capture", LIVING)
def test_the_shipped_shapes_let_nothing_live_without_a_reason(capture: str) -> None:
    """Everything is killed, but for what is legal and known."""
    found = _measure(capture)
    assert {(u.sort, u.step) for u in found.unwatched} == LIVING[capture]
    assert found.tried > 40
    assert (found.share == 100.0) == (not LIVING[capture])


def test_a_shape_without_three_rules_lets_exactly_live_what_they_guarded(tmp_path: Path) -> None:
    """course_code everywhere, that a request answers its command, that confirmed ends before ready starts."""
    text = SHAPE.read_text()
    begin, end = text.index("  - propagates:"), text.index("  - conforms:")
    text = text[:begin] + text[end:]
    for line in (
        "  - leads_to: {step: command, then: requested, within: hop}\n",
        "  - precedes: {first: end of confirmed, then: start of ready}\n",
    ):
        assert line in text
        text = text.replace(line, "")
    (tmp_path / "weak.yaml").write_text(text)
    found = _measure("regular", [str(tmp_path / "weak.yaml")])
    values = {(u.sort, u.attribute) for u in found.unwatched if u.sort in ("changed", "lost")}
    assert values == {("changed", "course_code"), ("lost", "course_code")}
    steps = {u.step for u in found.unwatched if u.attribute}
    assert steps == {"registered", "completed", "command", "requested", "suggested", "confirmation", "ready"}
    rest = {(u.sort, u.step, u.other) for u in found.unwatched if not u.attribute}
    assert rest == {
        ("missing", "requested", None),
        ("order", "command", "requested"),
        ("overlap", "confirmed", "ready"),
        ("twice", "command", None),  # nothing asks for its request any more
        ("order", "register", "content"),  # in one batch the late registration delays command beyond its request
        *((u.sort, u.step, u.other) for u in _measure("regular").unwatched),
    }
    said = {sentence(u) for u in found.unwatched}
    assert "course_code may change between command and requested: no assertion reads it there" in said
    assert "confirmed may still run when ready starts: no assertion waits for its end" in said
    assert "requested may never happen: no assertion misses it" in said


def test_a_redelivered_message_and_a_repetition_are_no_mutants() -> None:
    """A copy of a message that was delivered twice may be missing: the flow is as good."""
    found = _measure("duplicates")
    assert not [u for u in found.unwatched if u.sort == "missing"]


def test_an_order_that_one_flow_has_is_none() -> None:
    """Where a single flow is good, nothing of its order was meant; and it is said."""
    found = _measure("course_mismatch")
    assert not {"order", "overlap"} & set(found.by_sort)
    assert "orders were not tried" in "\n".join(lines(found, (), 0))


def test_a_sample_is_said_to_be_one_and_is_the_same_for_the_same_seed() -> None:
    """At most so many of each sort; what was not tried is counted."""
    one, same, other = (_measure("guest", most=3, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.tried == 8 * 3
    assert one.left_out > 0
    assert other.tried == one.tried
    assert "a sample" in "\n".join(lines(one, (load_shape("phase1-guest"),), 1))


def _strength(argv: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as exit_:
        main(["strength", *argv])
    assert isinstance(exit_.value.code, int)
    return exit_.value.code, capsys.readouterr().out


def _files(capture: str) -> list[str]:
    return ["--spans", str(DATA / f"{capture}.otlp.jsonl"), "--records", str(DATA / f"{capture}.events.jsonl")]


@pytest.mark.parametrize(("at_least", "code"), [([], 0), (["--at-least", "94"], 0), (["--at-least", "95"], 1)])
def test_the_command_gives_1_below_the_threshold(
    at_least: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a threshold it only tells."""
    given, out = _strength(["phase1-guest", *_files("guest"), *at_least], capsys)
    assert given == code
    assert out.startswith("killed 110 of 116 mutants of 4 good flows, 94.8 %\n")
    assert "content_done may happen twice: no assertion counts it" in out
    assert "phase1-guest:conforms-1 (phase1-guest.yaml:" in out
    assert max(map(len, out.splitlines())) <= 80


def test_without_a_good_flow_there_is_nothing_to_measure(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing tried is no strength: exit 3, and why."""
    given, out = _strength(["phase1-regular", *_files("els_db_outage"), "--at-least", "95"], capsys)
    assert given == 3
    assert out.startswith("no good flow to mutate: 1 violated;")
