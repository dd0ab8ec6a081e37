"""Where an input lies: a file, a folder, standard input.

In: what the user typed. Out: each file of it once, in a fixed order, as a `Stream`, handed to a reader. In a
folder, what is no telemetry is passed over and counted; a file that is named is not passed over: it is an error.
"""

import difflib
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO

from verifier.errors import SourceError
from verifier.sources.sniff import NotTelemetry
from verifier.sources.stream import Meter, Progress, Stream
from verifier.sources.tally import Tally
from verifier.wording import count

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
Read = Callable[[Stream], None]
"""Reads one input, or raises `NotTelemetry`."""


def visit(
    url: str, read: Read, *, wanted: str, tally: Tally, progress: Progress | None, stdin: BinaryIO | None
) -> str | None:
    """Hand every file of `url` to `read`; what is returned says why the reading broke off, None if it didn't."""
    if scheme := _SCHEME.match(url):
        raise SourceError(
            f"{shown(url)}: the scheme '{scheme[1]}' is not known for {wanted}, expected a file path, a folder"
            f"{', kafka://HOST:PORT/TOPIC' if wanted == 'records' else ''} or - for standard input"
        )
    if url == "-":
        raw = stdin if stdin is not None else getattr(sys.stdin, "buffer", None)
        if raw is None:
            raise SourceError(f"-: there is no standard input, expected {wanted} on it; give a file instead")
        return _one(raw, "standard input", Meter(url, progress, None), read)
    try:
        mode = os.stat(url).st_mode
    except (OSError, ValueError) as problem:
        raise SourceError(_missing(url, wanted, problem)) from None
    if stat.S_ISDIR(mode):
        return _folder(url, read, wanted, tally, progress)
    total = os.path.getsize(url) if stat.S_ISREG(mode) else None
    return _named(url, Meter(url, progress, total), read)


def shown(path: str) -> str:
    """A path as it can be printed, whatever bytes it is made of."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in path)


def _named(path: str, meter: Meter, read: Read) -> str | None:
    try:
        raw = open(path, "rb", buffering=0)  # noqa: SIM115  closed below
    except OSError as problem:
        raise SourceError(
            f"{shown(path)}: cannot be opened: {problem.strerror}; is it a file that you may read?"
        ) from None
    with raw:
        return _one(raw, shown(path), meter, read)


def _one(raw: BinaryIO, name: str, meter: Meter, read: Read) -> str | None:
    try:
        stream = Stream(raw, name, meter)
    except (OSError, ValueError) as problem:
        raise SourceError(f"{name}: cannot be read: {problem}; is it a file that you may read?") from None
    read(stream)
    meter.tell()
    return stream.failed


def _folder(url: str, read: Read, wanted: str, tally: Tally, progress: Progress | None) -> str | None:
    failed, passed, good = [], [], 0
    files = [(path, _why_not(path)) for path in _walk(url, tally)]
    meter = Meter(url, progress, sum(os.path.getsize(path) for path, why in files if why is None))
    for path, why in files:
        try:
            if why is not None:
                raise NotTelemetry(shown(path), why, wanted, "")
            if sentence := _named(path, meter, read):
                failed.append(sentence)
            good += 1
        except NotTelemetry as reason:
            passed.append(f"{reason.name}: {reason.why}")
            if reason.losses:
                tally.extend(reason.losses)
            else:
                tally.add("skipped_file", reason.name, reason.why)
    if not good:
        first = "; ".join(passed[:3])
        more = f"; and {len(passed) - 3} more" if len(passed) > 3 else ""
        raise SourceError(
            f"{shown(url)}: is a folder without a file of {wanted}, expected at least one; give the folder that has "
            f"them. It has {count(len(files), 'file')}{': ' if first else ''}{first}{more}"
        )
    return "; ".join(failed) or None


def _walk(folder: str, tally: Tally) -> Iterator[str]:
    """Every file below, sorted by path; a link to a folder is not followed: it may lead back, or anywhere."""
    seen: set[tuple[int, int]] = set()
    paths: list[str] = []

    def refuse(problem: OSError) -> None:
        raise SourceError(
            f"{shown(problem.filename)}: is a folder that cannot be read: {problem.strerror}; may you read it?"
        )

    for here, folders, names in os.walk(folder, onerror=refuse):
        paths += [os.path.join(here, name) for name in names]
        for name in folders:
            if os.path.islink(path := os.path.join(here, name)):
                tally.add("skipped_file", shown(path), "is a link to a folder; to have it read, give it by its name")
    for path in sorted(paths):
        try:
            found = os.stat(path)
        except OSError:
            yield path
            continue
        if (found.st_dev, found.st_ino) not in seen:
            seen.add((found.st_dev, found.st_ino))
            yield path
        else:
            tally.add("skipped_file", shown(path), "is the same file as one that was read under another name")


def _why_not(path: str) -> str | None:
    """Why a thing of a folder is not opened: a pipe would wait for ever."""
    try:
        mode = os.stat(path).st_mode
    except OSError as problem:
        return f"cannot be found: {problem.strerror}"
    return None if stat.S_ISREG(mode) else "is no regular file"


def _missing(url: str, wanted: str, problem: Exception) -> str:
    folder, name = os.path.split(url)
    try:
        close = difflib.get_close_matches(name, sorted(os.listdir(folder or ".")), n=1) if name else []
    except (OSError, ValueError):
        close = []
    said = problem.strerror if isinstance(problem, OSError) else str(problem)
    hint = f"did you mean {shown(os.path.join(folder, close[0]))}?" if close else "check the path"
    return f"{shown(url) or 'an empty path'}: cannot be read: {said}, expected a file or folder of {wanted}; {hint}"
