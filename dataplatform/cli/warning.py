"""Python's own warnings, which name the line of the user's code that led to them."""

from __future__ import annotations

import sys
import warnings

_OURS = ("opendata.", "dataplatform.")


def warn(message: str, hint: str | None = None) -> None:
    """Warn, with what to do about it."""
    text = f"{message} ({hint})" if hint else message
    warnings.warn(text, UserWarning, stacklevel=_caller_level())


def _caller_level() -> int:
    """How far up the stack the line stands that called us, for Python to name it."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith(_OURS):
        frame, level = frame.f_back, level + 1
    return level
