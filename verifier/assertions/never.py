"""never: a step does not happen.

In: a flow with its steps bound, narrowed to the scope. Out: an `Unexpected` for each occurrence; the claim "none"
rests on that absence.
"""

from typing import ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow
from verifier.shape import Rule, StepName
from verifier.verdict import Absence, Result, Unexpected


@assertion
class Never(Rule):
    """A step does not happen in its scope.

    Term: absence (Dwyer). Formula: `G ¬a`; with `after: p`: `G(p → G ¬a)`.
    One occurrence is enough to break it, however much is lost; that none came is only proven where none can be lost.
    """

    step: StepName
    may_lack: ClassVar[frozenset[str]] = frozenset({"step"})

    def check(self, flow: BoundFlow) -> Result:
        return Result(
            findings=tuple(
                Unexpected(
                    step=self.step,
                    service=flow.service(self.step),
                    after=self.after,
                    before=self.before,
                    evidence=(flow.evidence(self.step, occurrence),),
                    anomaly="state regression" if self.after else "premature start" if self.before else "wrong branch",
                )
                for occurrence in flow.occurrences[self.step]
            ),
            absences=(Absence(steps=(self.step,)),),
        )

    examples: ClassVar = (
        Example(verdict="satisfied", sketch="a : one @ 0..1ms", parameters={"step": "two"}),
        Example(
            verdict="violated",
            sketch="a : one @ 0..1ms\na : two @ 2..3ms",
            parameters={"step": "two", "after": "one"},
        ),
        Example(
            verdict="inconclusive",
            about="another clock, 1 ms apart",
            sketch="a : one @ 0..1ms\nb : two @ 1..2ms",
            parameters={"step": "two", "after": "one"},
        ),
    )
