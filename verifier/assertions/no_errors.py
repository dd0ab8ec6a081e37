"""no_errors: no operation of the flow failed, or it recovered.

In: a flow with its steps bound, narrowed to the scope. Out: an `Unexpected` for each span with status ERROR that
nothing excuses; what is excused is listed.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow
from verifier.clock import At
from verifier.shape import PYDANTIC, Duration, Rule
from verifier.spans import Observation, Span, destination, message_ids
from verifier.values import Truth
from verifier.verdict import Absence, Evidence, Finding, Result, Unexpected


@dataclass(frozen=True, slots=True, kw_only=True)
class Allow:
    """A span (a name, `*` globs) that may fail, and why that is right."""

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    span: str
    because: str


@assertion
class NoErrors(Rule):
    """No span of the flow has status ERROR, but for those in `allow`.

    Formula: `G ¬error`; with `recovers_within: d`: `G(error → F[0,d] handled)`: the same service handles the same
    message without error, starting at most d after the failed one ended. What is excused so is listed.
    One error is enough, whatever is lost; that there was none is only proven where no span can be lost.
    """

    allow: tuple[Allow, ...] = ()
    recovers_within: Duration = Duration("0s")

    def check(self, flow: BoundFlow) -> Result:
        spans = [row for row in flow.rows() if isinstance(row, Span)]
        limit = flow.duration(self.recovers_within)
        findings: list[Finding] = []
        excused: list[Evidence] = []
        for span in spans:
            if span.status != "error":
                continue
            if any(fnmatchcase(span.name, a.span) for a in self.allow):
                excused.append(flow.evidence("allowed", Observation(row=span)))
                continue
            recovered: list[tuple[Truth, Span]] = []
            if limit:
                recovered = [(t, s) for s in spans if (t := self._recovers(flow, span, s, limit)) is not False]
            sure = next((s for t, s in recovered if t), None)
            if sure is not None:
                excused.append(flow.evidence("recovered", Observation(row=span)))
                continue
            until = flow.clocks.due_ns(At(of=Observation(row=span), edge="end"), limit)  # another process may do it
            findings.append(
                Unexpected(
                    step=None,
                    service=span.service,
                    message=span.status_message or _message(span),
                    evidence=(
                        flow.evidence("failed", Observation(row=span)),
                        *(flow.evidence("handled again?", Observation(row=s)) for _, s in recovered),
                    ),
                    absences=(Absence(spans=True, until_ns=until),) if limit else (),
                    certain=not recovered,
                    doubt="whether a later span handled the same message can't be told" if recovered else None,
                    anomaly="error",
                )
            )
        return Result(
            findings=tuple(findings),
            activated=True,
            absences=(Absence(spans=True),),
            excused=tuple(excused),
        )

    @staticmethod
    def _recovers(flow: BoundFlow, failed: Span, other: Span, limit: int) -> Truth:
        """Whether `other` handled, in time and without error, what `failed` did not."""
        if other is failed or other.status == "error" or other.service != failed.service:
            return False
        mine, its = set(message_ids(failed)), set(message_ids(other))
        same: Truth = bool(mine & its)
        if not mine or not its:
            alike = (other.name, destination(other)) == (failed.name, destination(failed))
            same = None if alike else False
        if same is False:
            return False
        a, b = At(of=Observation(row=failed), edge="end"), At(of=Observation(row=other))
        took = flow.clocks.took(a, b)
        after = flow.clocks.before(At(of=Observation(row=failed)), b)
        if took.lo > limit or after.answer == "no":
            return False
        return True if same and took.hi <= limit and after.answer == "yes" else None

    examples: ClassVar = (
        Example(verdict="satisfied", sketch="a : one @ 0..1ms"),
        Example(verdict="violated", sketch='a : one ! @ 0..1ms "no such batch"'),
        Example(
            verdict="satisfied",
            about="may fail, with a reason",
            sketch="a : one ! @ 0..1ms",
            parameters={"allow": (Allow(span="on*", because="it is retried"),)},
        ),
        Example(
            verdict="satisfied",
            about="the same message, handled 2 s later",
            sketch="a : one ! @ 0..1s event_id=e\na : one @ 3..4s event_id=e",
            parameters={"recovers_within": "2s"},
        ),
        Example(
            verdict="violated",
            about="a moment too late",
            sketch="a : one ! @ 0..1s event_id=e\na : one @ 3.000000001..4s event_id=e",
            parameters={"recovers_within": "2s"},
        ),
        Example(
            verdict="pending",
            about="it may yet recover",
            sketch="a : one ! @ 0..1s event_id=e",
            parameters={"recovers_within": "2s"},
        ),
        Example(
            verdict="inconclusive",
            about="the span of a failure may be lost",
            sketch="a : one @ 0..1ms",
            assume="lossy",
        ),
    )


def _message(span: Span) -> str | None:
    for event in span.events:
        if event.name == "exception" and event.attributes.get("exception.message"):
            return str(event.attributes["exception.message"])
    said = span.attributes.get("error.message") or span.attributes.get("error.type")
    return str(said) if said else None
