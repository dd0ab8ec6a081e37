"""The processes of the system: started, waited for until they are ready, stopped, killed; each by its own id.

In: a module of this package and its arguments. Out: what the process says first, and a log of all that it says later.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Failed(Exception):
    """A process that didn't start, with the end of its log; a command that failed, with what it said."""


async def run(command: Sequence[str], *, patience_s: float = 60.0) -> None:
    """Runs a command to its end; raises `Failed` with what it said."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(process.communicate(), timeout=patience_s)
    if process.returncode:
        raise Failed(f"{' '.join(command)} ended with {process.returncode}:\n{said.decode(errors='replace')[-2000:]}")


class Process:
    """One process of the system."""

    def __init__(self, module: str, arguments: Sequence[str], *, log: Path) -> None:
        self._module = f"examples.phase1.{module}"
        self._arguments = arguments
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Its id, while it runs."""
        assert self._process is not None, f"{self._module} is not running"
        return self._process.pid

    async def start(self, *, patience_s: float = 60.0) -> str:
        """Starts it and returns its first line; raises `Failed`."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self._module,
                *self._arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        try:
            line = await asyncio.wait_for(self._line(), timeout=patience_s)
        except TimeoutError:
            line = ""
        if not line:
            await self.kill()
            raise Failed(f"{self._module} did not get ready; its log ends:\n{self._log.read_text()[-2000:]}")
        return line

    async def ask(self, command: str) -> str:
        """Writes a line to it and returns the line that it answers."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        await self._process.stdin.drain()
        return await self._line()

    async def stop(self, *, patience_s: float = 20.0) -> None:
        """Tells it to end, and waits; one that doesn't is killed."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), timeout=patience_s)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """As a crash would: nothing is finished, nothing is flushed."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()
