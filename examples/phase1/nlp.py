"""nlp_service: finds out who may have written the essays of a batch.

Reads: matching requested (7). Writes: matches suggested (8). It keeps nothing but its outbox and what it has handled;
texts come from the store of texts, rosters from class_management_service.
Run it: `python -m examples.phase1.nlp --help`.
"""

from collections.abc import Mapping

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from examples.phase1 import topics
from examples.phase1.consumer import Condition, Handler
from examples.phase1.contents import Contents
from examples.phase1.events import Envelope, Match, MatchesSuggested, MatchingRequested
from examples.phase1.matching import suggestions
from examples.phase1.runtime import Runtime
from examples.phase1.service import main

NAME = "nlp_service"


class NameMatching:
    """The service."""

    name = NAME
    tasks = ()
    waits_for: Mapping[str, Condition] = {}
    routes: tuple[web.RouteDef, ...] = ()

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._contents = Contents(runtime.options.content)

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What it does with each message."""
        return {topics.REQUESTED: self.matching_requested}

    async def matching_requested(self, session: AsyncSession, envelope: Envelope) -> None:
        """Hop 7: compares the name on each essay with those of the class."""
        data = MatchingRequested.model_validate(envelope.data)
        students = await self.roster(data.class_id)
        suggested = MatchesSuggested(
            batch_id=data.batch_id,
            class_id=data.class_id,
            course_code=data.course_code,
            match_results=[
                Match(
                    essay_id=slot.essay_id,
                    suggestions=suggestions(self._contents.get(slot.text_storage_id), students),
                )
                for slot in data.essays_to_process
            ],
        )
        self._runtime.outbox.enqueue(
            session, topics.SUGGESTED, suggested, key=data.batch_id, correlation_id=envelope.correlation_id
        )

    async def roster(self, class_id: str) -> dict[str, str]:
        """The names of a class's students by their ids."""
        url = f"{self._runtime.options.cms}/v1/classes/{class_id}/students"
        async with self._runtime.http.get(url) as answer:
            answer.raise_for_status()
            said = await answer.json()
        return {student["student_id"]: student["name"] for student in said["students"]}


if __name__ == "__main__":
    main(NameMatching, NAME)
