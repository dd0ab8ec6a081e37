"""in_key_order: per key, what was produced first is consumed first.

In: a flow with its steps bound, narrowed to the scope. Out: a `Misordered` for each message that was consumed before
one of its key that was produced earlier; the same with `certain=False` where an order can't be told, and an
`Unreadable` where a key or a name of a message can't be read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow, Occurrence, PointOf
from verifier.clock import At, Order
from verifier.shape import AttributeName, Rule, Shape, Step, StepName
from verifier.spans import Observation
from verifier.values import canonical
from verifier.verdict import Absence, Finding, Misordered, Result, Unreadable

Told = dict[tuple[str, str], Occurrence]
"""Every observation of each message, by its key and its name within the key."""


@dataclass(frozen=True, slots=True)
class _Message:
    """A message that was both produced and consumed, each as often as it was."""

    name: str
    produced: Occurrence
    consumed: Occurrence


_STEPS = {"sent": Step(record="t"), "got": Step(span="got")}
_PARAMETERS = {"produced": "sent", "consumed": "got", "key": "k", "by": "n"}


@assertion
class InKeyOrder(Rule):
    """Of the messages with one `key`, the one that was produced first is consumed first.

    Term: FIFO per key. Formula: for messages m, n with one value of `key`: `produced(m) < produced(n) →
    consumed(m) < consumed(n)`. `by` tells the messages of a key apart, and finds the consumption of each: observations
    with one value of `key` and of `by` are of one message.
    The first publication and the first consumption of a message count: one that is delivered again is not out of order.
    A message that wasn't consumed, or not produced, is out of no order (`delivered` sees that). Publications are
    ordered by offset in one partition, else by when they were made; consumptions by when they began.
    It is activated when two messages of one key were produced and consumed.
    """

    produced: StepName
    consumed: StepName
    key: AttributeName
    by: AttributeName

    def problems(self, shape: Shape) -> list[tuple[str, str]]:
        """What is wrong with the parameters together."""
        if scopes := Rule.problems(self, shape):
            return scopes
        if self.produced == self.consumed:
            return [("consumed", f"'{self.consumed}' is what is produced; expected the step that consumes it")]
        if self.key == self.by:
            return [("by", f"'{self.by}' is the key; expected what tells the messages of a key apart")]
        return []

    def check(self, flow: BoundFlow) -> Result:
        produced, blind_produced = self._told(flow, self.produced)
        consumed, blind_consumed = self._told(flow, self.consumed)
        by_key: dict[str, list[_Message]] = {}
        for (key, name), of in produced.items():
            if (key, name) in consumed:
                by_key.setdefault(key, []).append(_Message(name=name, produced=of, consumed=consumed[key, name]))
        findings = [f for messages in by_key.values() for f in self._ordered(flow, messages)]
        possible = min(len(produced) + len(blind_produced), len(consumed) + len(blind_consumed)) >= 2
        if possible:
            findings += blind_produced + blind_consumed
        absence = Absence(steps=(self.produced, self.consumed))
        return Result(
            findings=tuple(findings),
            activated=bool(findings) or any(len(messages) > 1 for messages in by_key.values()),
            activators=(absence,),
            absences=(absence,),
            evidence=flow.some(self.produced, self.consumed),
        )

    def _told(self, flow: BoundFlow, step: str) -> tuple[Told, list[Finding]]:
        """The messages that the step speaks of, by time, and a finding for each observation that doesn't say which."""
        found: dict[tuple[str, str], list[Observation]] = {}
        blind: list[Finding] = []
        every = sorted((o for x in flow.occurrences[step] for o in x.all), key=lambda o: (o.first_ns, o.id))
        for o in every:
            key, name = flow.value(o, self.key), flow.value(o, self.by)
            if key.state == name.state == "known":
                found.setdefault((canonical(key.value), canonical(name.value)), []).append(o)
                continue
            what, seen = (self.key, key) if key.state != "known" else (self.by, name)
            blind.append(
                Unreadable(
                    step=step,
                    service=o.row.service,
                    what=what,
                    why=seen.why or "it is not there",
                    settled_by=seen.settled_by,
                    evidence=(flow.evidence(step, o),),
                    absences=(Absence(steps=(self.produced, self.consumed)),),
                )
            )
        told = {i: Occurrence(step=step, of=group[0], again=tuple(group[1:])) for i, group in found.items()}
        return told, blind

    def _ordered(self, flow: BoundFlow, messages: Sequence[_Message]) -> Iterator[Finding]:
        """A finding for each message that was consumed before an earlier one, or perhaps was; none if all is well."""
        if all(_produced(flow, a, b).answer == _consumed(flow, a, b).answer == "yes" for a, b in pairwise(messages)):
            return
        for i, later in enumerate(messages):
            worst: Finding | None = None
            for earlier in (m for k, m in enumerate(messages) if k != i):
                produced = _produced(flow, earlier, later)
                consumed = _consumed(flow, earlier, later)
                if produced.answer == "no" or consumed.answer == "yes":
                    continue
                certain = produced.answer == "yes" and consumed.answer == "no"
                if certain or worst is None:
                    worst = self._misordered(flow, earlier, later, produced, consumed, certain=certain)
                if certain:
                    break
            if worst is not None:
                yield worst

    def _misordered(
        self, flow: BoundFlow, earlier: _Message, later: _Message, produced: Order, consumed: Order, *, certain: bool
    ) -> Finding:
        names = [f"{self.by} {m.name}" for m in (earlier, later)]
        untold = None
        if not certain:
            order, what = (produced, "produced") if produced.answer == "unknown" else (consumed, "consumed")
            untold = f"which of the two was {what} first: {order.basis}"
        return Misordered(
            step=self.consumed,
            service=later.consumed.of.row.service,
            first=f"{self.consumed} {names[0]}",
            then=f"{self.consumed} {names[1]}",
            order=consumed,
            evidence=(
                flow.evidence(f"{self.produced} {names[0]}", earlier.produced),
                flow.evidence(f"{self.produced} {names[1]}", later.produced),
                flow.evidence(f"{self.consumed} {names[1]}", later.consumed),
                flow.evidence(f"{self.consumed} {names[0]}", earlier.consumed),
            ),
            # an earlier publication of the one, or an earlier consumption of the other, would make it right
            absences=(
                Absence(steps=(self.produced,), until_ns=_latest(flow, earlier.produced)),
                Absence(steps=(self.consumed,), until_ns=_latest(flow, later.consumed)),
            ),
            certain=certain,
            doubt=untold,
            anomaly="out of order",
        )

    examples: ClassVar = (
        Example(
            verdict="satisfied",
            sketch="[t 0:1] @ 0ms k=a n=1\n[t 0:2] @ 1ms k=a n=2\nb : got @ 10ms k=a n=1\nb : got @ 20ms k=a n=2",
            parameters=_PARAMETERS,
            steps=_STEPS,
        ),
        Example(
            verdict="violated",
            sketch="[t 0:1] @ 0ms k=a n=1\n[t 0:2] @ 1ms k=a n=2\nb : got @ 10ms k=a n=2\nb : got @ 20ms k=a n=1",
            parameters=_PARAMETERS,
            steps=_STEPS,
        ),
        Example(
            verdict="inconclusive",
            about="both at one moment",
            sketch="[t 0:1] @ 0ms k=a n=1\n[t 0:2] @ 1ms k=a n=2\nb : got @ 10ms k=a n=1\nb : got @ 10ms k=a n=2",
            parameters=_PARAMETERS,
            steps=_STEPS,
        ),
        Example(
            verdict="satisfied",
            about="delivered again, later",
            sketch=(
                "[t 0:1] @ 0ms k=a n=1\n[t 0:2] @ 1ms k=a n=2\n"
                "b : got @ 10ms k=a n=1\nb : got @ 20ms k=a n=2\nb : got @ 30ms k=a n=1"
            ),
            parameters=_PARAMETERS,
            steps=_STEPS,
        ),
        Example(
            verdict="inconclusive",
            about="the first consumption of 1 may be lost",
            sketch="[t 0:1] @ 0ms k=a n=1\n[t 0:2] @ 1ms k=a n=2\nb : got @ 10ms k=a n=2\nb : got @ 20ms k=a n=1",
            parameters=_PARAMETERS,
            steps=_STEPS,
            assume="spans=lossy",
        ),
        Example(
            verdict="vacuous",
            about="two keys, one message each",
            sketch="[t 0:1] @ 0ms k=a n=1\n[t 0:2] @ 1ms k=b n=2\nb : got @ 10ms k=b n=2\nb : got @ 20ms k=a n=1",
            parameters=_PARAMETERS,
            steps=_STEPS,
        ),
    )


def _produced(flow: BoundFlow, a: _Message, b: _Message) -> Order:
    return flow.made_before(PointOf(a.produced), PointOf(b.produced))


def _consumed(flow: BoundFlow, a: _Message, b: _Message) -> Order:
    return flow.before(PointOf(a.consumed), PointOf(b.consumed))


def _latest(flow: BoundFlow, of: Occurrence) -> int:
    return min(flow.clocks.when(At(of=o)).hi for o in of.all)
