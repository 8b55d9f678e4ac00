"""JSON that is decoded value by value, and read from its file only as far as that takes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn, TextIO

CHUNK = 2**20
"""So many characters are read at a time."""

LONGEST = 2**25
"""No value of a stream has more characters; a record of a long run has some hundred thousand."""

_BLANKS = re.compile(r"[ \t\n\r]*")

_CUT = 16
"""Where a text is cut off the decoder stumbles over its last characters, at most those of a literal."""


class NotANumber(Exception):
    """A JSON text says NaN or Infinity, which JSON does not have."""


def decoded(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        NotANumber: there is a NaN or Infinity in it.
        ValueError: it is no JSON.
    """
    return _STRICT.decode(text)


def no_numbers(value: Any, path: str = "") -> Iterator[str]:
    """Say of everything in a JSON value that is NaN or infinite, as Python reads and writes them, where it stands."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{path}: {value} is no number; what is unknown is null."
    elif isinstance(value, dict | list):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from no_numbers(part, f"{path}.{name}".lstrip("."))


class Values:
    """The values and signs of a JSON text, one after the other."""

    def __init__(self, text: TextIO) -> None:
        """Read from where the text stands."""
        self._file = text
        self._text, self._at, self._before = "", 0, 0
        self.with_constants = False
        """Whether there was a NaN or Infinity in what was taken."""

    @property
    def position(self) -> int:
        """How many characters were taken."""
        return self._before + self._at

    def sign(self) -> str:
        """Return the next character that is no blank; at the end, nothing."""
        while True:
            blanks = _BLANKS.match(self._text, self._at)
            assert blanks is not None  # there may be none of them
            self._at = blanks.end()
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def take(self, wanted: str) -> str:
        """Take the next character that is no blank, which must be one of those wanted.

        Raises:
            ValueError: it is another one.
        """
        found = self.sign()
        if not found or found not in wanted:
            raise self.broken(f"expecting {' or '.join(wanted)}")
        self._at += 1
        return found

    def value(self) -> Any:
        """Take the next value.

        Raises:
            ValueError: there is none, or it is too long.
        """
        self.sign()
        while True:
            try:
                decoder = _LENIENT if self.with_constants else _STRICT
                value, end = decoder.raw_decode(self._text, self._at)
            except NotANumber:
                self.with_constants = True
            except json.JSONDecodeError as error:
                place = self._before + error.pos
                cut = error.pos >= len(self._text) - _CUT or error.msg.startswith("Unterminated string")
                if not cut or not self._more():
                    raise self.broken(error.msg, place) from None
            else:
                if end < len(self._text) or not self._more():  # what looks like a whole number may go on
                    self._at = end
                    return value

    def broken(self, reason: str, place: int | None = None) -> ValueError:
        """Return what to raise where the text is no JSON: here, or after so many characters."""
        return ValueError(f"at character {(self.position if place is None else place) + 1:,}: {reason}")

    def _more(self) -> bool:
        """Read on, twice as much where one value goes on and on; returns whether there was more."""
        rest = self._text[self._at :]
        if len(rest) > LONGEST:
            raise self.broken(f"one value has over {LONGEST:,} characters")
        read = self._file.read(max(CHUNK, len(rest)))
        self._before += self._at
        self._text, self._at = rest + read, 0
        return bool(read)


def _constant(name: str) -> NoReturn:
    raise NotANumber(name)


_STRICT = json.JSONDecoder(parse_constant=_constant)
_LENIENT = json.JSONDecoder()
