"""Did-you-mean: the nearest of the names that exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(typed: str, known: Iterable[str]) -> str | None:
    """A question that names what was probably meant, or None if nothing is near."""
    names = list(known)
    folded = {name.casefold(): name for name in names}
    if typed.casefold() in folded:
        return f"did you mean {folded[typed.casefold()]!r}?"
    near = difflib.get_close_matches(typed.casefold(), folded, n=3, cutoff=0.6)
    if not near:
        return None
    return "did you mean " + " or ".join(repr(folded[name]) for name in near) + "?"
