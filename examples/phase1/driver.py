"""The people around the system: a client that registers batches and uploads files, and a teacher who confirms.

In: the addresses of the services. Out: one method for each thing that a person does, and `wait_for_status`.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import aiohttp

from examples.phase1.files import FileService
from examples.phase1.statuses import Status
from examples.phase1.web import CORRELATION

ASK_AGAIN_S = 0.05


class Refused(Exception):
    """A service answered with an error; `status` is HTTP's."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class Driver:
    """What people do. Every request has a correlation id of its own, unless one is given."""

    def __init__(self, http: aiohttp.ClientSession, files: FileService, *, bos: str, cms: str) -> None:
        self._http = http
        self._files = files
        self._bos = bos
        self._cms = cms

    async def create_class(self, course_code: str, students: Sequence[str]) -> str:
        """A class with its roster; returns its id."""
        said = await self._post(f"{self._cms}/v1/classes", {"course_code": course_code, "students": list(students)})
        return str(said["class_id"])

    async def register(
        self, essays: int, course_code: str, *, class_id: str | None = None, correlation_id: str | None = None
    ) -> str:
        """Hop 1: a batch that will have so many essays, of a class or of a guest; returns its id."""
        asked = {
            "expected_essay_count": essays,
            "course_code": course_code,
            "class_id": class_id,
            "user_id": "teacher-1",
        }
        said = await self._post(f"{self._bos}/v1/batches/register", asked, correlation_id=correlation_id)
        return str(said["batch_id"])

    async def upload(self, batch_id: str, texts: Sequence[str], *, correlation_id: str | None = None) -> None:
        """Hop 3, for each text."""
        await self._files.upload(batch_id, texts, correlation_id=correlation_id or str(uuid4()))

    async def suggestions(self, batch_id: str) -> list[dict[str, Any]]:
        """Who may have written the essays of a batch; empty until the matching is done."""
        said = await self._get(f"{self._cms}/v1/batches/{batch_id}/student-associations")
        return list(said["associations"])

    async def wait_for_suggestions(self, batch_id: str, *, deadline_s: float = 20.0) -> list[dict[str, Any]]:
        """The suggestions, when they have come."""
        until = time.monotonic() + deadline_s
        while True:
            said = await self._get(f"{self._cms}/v1/batches/{batch_id}/student-associations")
            if said["suggested"]:
                return list(said["associations"])
            if time.monotonic() > until:
                raise TimeoutError(f"no suggestions for batch {batch_id} in {deadline_s:g} s")
            await asyncio.sleep(ASK_AGAIN_S)

    async def confirm(
        self, batch_id: str, students: Mapping[str, str] | None = None, *, correlation_id: str | None = None
    ) -> None:
        """Hop 9: the teacher accepts what was suggested, but for the essays whose student is named here."""
        changed = [{"essay_id": essay, "student_id": student} for essay, student in (students or {}).items()]
        url = f"{self._cms}/v1/batches/{batch_id}/student-associations/confirm"
        await self._post(url, {"associations": changed}, correlation_id=correlation_id)

    async def start_pipeline(self, batch_id: str, *, correlation_id: str | None = None) -> None:
        """Hop 12; raises `Refused` with 409 if the batch isn't ready."""
        await self._post(f"{self._bos}/v1/batches/{batch_id}/pipelines", {}, correlation_id=correlation_id)

    async def status(self, batch_id: str) -> str:
        """Where the batch is."""
        return str((await self._get(f"{self._bos}/v1/batches/{batch_id}/status"))["status"])

    async def wait_for_status(self, batch_id: str, wanted: Status, *, deadline_s: float = 20.0) -> None:
        """Returns when the batch is there; raises `TimeoutError` with where it is."""
        until = time.monotonic() + deadline_s
        while (now := await self.status(batch_id)) != wanted:
            if time.monotonic() > until:
                raise TimeoutError(f"batch {batch_id} is {now} after {deadline_s:g} s, expected {wanted}")
            await asyncio.sleep(ASK_AGAIN_S)

    async def _get(self, url: str) -> dict[str, Any]:
        async with self._http.get(url) as answer:
            return await _said(answer)

    async def _post(self, url: str, asked: object, *, correlation_id: str | None = None) -> dict[str, Any]:
        headers = {CORRELATION: correlation_id or str(uuid4())}
        async with self._http.post(url, json=asked, headers=headers) as answer:
            return await _said(answer)


async def _said(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    if answer.status >= 400:
        raise Refused(answer.status, await answer.text())
    said: dict[str, Any] = await answer.json()
    return said
