"""What a run says, line by line: cleaned, bounded, redacted, and remembered for the error.

Here belongs the treatment of lines. Where they come from (standard output, the logger, the runner
itself) and where they go (a terminal, Dagster) does not.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from io import BufferedReader

from dataplatform.adapters.runner.redact import longest_form, redactor

LINE_MAX_CHARS = 4000
MAX_LINES = 10_000
REMEMBERED_LINES = 20
_READ_BYTES = 8192
_TERMINAL_CODES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class RunLog:
    """Passes clean lines on, one thread at a time; a listener that fails is kept for the end."""

    def __init__(self, listener: Callable[[str, str], None], secrets: Mapping[str, str]) -> None:
        self.redact = redactor(secrets.values())
        self._margin = longest_form(secrets.values())
        self._listener = listener
        self._lock = threading.Lock()
        self._count = 0
        self._remembered: deque[str] = deque(maxlen=REMEMBERED_LINES)
        self.listener_error: BaseException | None = None

    @property
    def last_lines(self) -> list[str]:
        """The end of what was said, for the details of an error."""
        return list(self._remembered)

    def say(self, level: str, text: str) -> None:
        """Pass every line of `text` on."""
        for line in text.splitlines() or [""]:
            self._pass_on(level, self.clean(line))

    def clean(self, line: str, *, is_cut: bool = False) -> str:
        """One line as it may be shown: no control codes, no secrets, not endless."""
        shown = line.rstrip("\r").rsplit("\r", 1)[-1]  # a progress bar overwrites itself
        shown = _CONTROL.sub("\ufffd", _TERMINAL_CODES.sub("", shown))
        if len(shown) <= LINE_MAX_CHARS and not is_cut:
            return self.redact(shown)
        # Cut after redaction, and so far from the first cut that no half of a secret is left.
        kept = self.redact(shown[: LINE_MAX_CHARS + self._margin])
        return kept[: max(0, min(LINE_MAX_CHARS, len(kept) - self._margin))] + " … (cut)"

    def follow(self, stream: BufferedReader, level: str) -> None:
        """Read a pipe to its end; bytes that are no text are shown as replacement characters."""
        limit = 4 * (LINE_MAX_CHARS + self._margin)  # bytes enough for that many characters
        rest = b""
        while part := stream.read1(_READ_BYTES):
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                self._line(level, line, limit)
            rest = rest[: limit + 1]
        if rest:
            self._line(level, rest, limit)

    def _line(self, level: str, line: bytes, limit: int) -> None:
        text = line.decode("utf-8", errors="replace")
        self._pass_on(level, self.clean(text, is_cut=len(line) > limit))

    def _pass_on(self, level: str, line: str) -> None:
        with self._lock:
            self._count += 1
            if level != "debug":
                self._remembered.append(line)
            if self._count > MAX_LINES or self.listener_error is not None:
                return
            try:
                self._listener(level, line)
                if self._count == MAX_LINES:
                    self._listener("warning", f"more than {MAX_LINES:,} lines; the rest is dropped")
            except BaseException as error:  # noqa: BLE001 - raised again when the run has ended
                self.listener_error = error
