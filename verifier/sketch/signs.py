"""The signs of a sketch that reading and drawing must agree on.

In: one sign, name or value of a picture. Out: its meaning; or text that is safe to print. What either side alone needs
stands there.
"""

import re
from collections.abc import Mapping

from verifier.spans import Value

ORIGIN_NS = 1_767_225_600_000_000_000
"""Time zero of a sketch: 2026-01-01T00:00:00Z."""

UNITS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60 * 1_000_000_000,
    "h": 3_600 * 1_000_000_000,
    "d": 86_400 * 1_000_000_000,
}
LOST = 0xDEAD0000  # ids from here on are of things that are not in the sketch
NAME, TOKEN = re.compile(r'[^ "=]+'), re.compile(r"[^ ]+")
MARK = re.compile(r"(?:^| +)([!+])\Z")  # behind a span's name: its status
_CONSTANTS: Mapping[str, Value] = {
    "true": True,
    "false": False,
    "null": None,
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,99})")  # 007 is a string: an id keeps its zeros
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-][0-9]+)")  # 12e4 too is an id


def scalar(token: str) -> Value:
    """What a bare word is: a constant, a number that is written as JSON would, else itself."""
    if token in _CONSTANTS:
        return _CONSTANTS[token]
    if _INTEGER.fullmatch(token):
        return int(token)
    return float(token) if _DECIMAL.fullmatch(token) else token


def escaped(text: str) -> str:
    """Leaves nothing in a text that could steer a terminal, hide, or reverse the line."""
    if text.isprintable():
        return text
    halves = text.encode("utf-16-be", "surrogatepass")  # and back: two halves side by side are one sign
    return "".join(
        sign if sign.isprintable() else re.sub("....", r"\\u\g<0>", sign.encode("utf-16-be", "surrogatepass").hex())
        for sign in halves.decode("utf-16-be", "surrogatepass")
    )
