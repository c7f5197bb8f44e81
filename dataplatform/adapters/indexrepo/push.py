"""What `git push --porcelain` says became of each branch.

Here belongs telling a lost race, which is tried again, from a refusal, which is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

PushKind = Literal["done", "lost", "refused", "broken"]

#: Somebody moved the branch, or is moving it now.
_LOST: Final = re.compile(
    r"non-fast-forward|fetch first|stale info|cannot lock ref|failed to (?:update ref|lock)"
    r"|unable to (?:resolve|lock)|reference already exists|incorrect old value|needs force",
    re.IGNORECASE,
)
_BROKEN: Final = re.compile(r"unpacker error|internal|timeout|remote failure", re.IGNORECASE)


@dataclass(frozen=True)
class PushOutcome:
    """What became of one branch; `reason` is the remote's own words."""

    kind: PushKind
    reason: str = ""


def read_push(told: bytes) -> Mapping[str, PushOutcome]:
    """The outcome of each branch by its full name."""
    outcomes = {}
    for line in told.decode("utf-8", "replace").splitlines():
        flag, _, rest = line.partition("\t")
        refs, _, summary = rest.partition("\t")
        if len(flag) == 1 and summary:
            outcomes[refs.partition(":")[2]] = _outcome(flag, summary)
    return outcomes


def _outcome(flag: str, summary: str) -> PushOutcome:
    if flag != "!":
        return PushOutcome("done")
    if _LOST.search(summary):
        return PushOutcome("lost", summary)
    return PushOutcome("broken" if _BROKEN.search(summary) else "refused", summary)
