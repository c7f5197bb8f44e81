"""What measuring completeness gives, as values: by channel, and by spans of time within one.

Here belong the numbers and what follows from them; counting is `completeness`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np

from dataplatform.bundles.watch.expected import HOUR, Grid, Numbers
from opendata.wire.times import format_instant

Basis = Literal["cadence", "count", "unknown"]
SHOWN_MAX: Final = 100
"""So many paths and spans a document names; what there is more of is counted."""


@dataclass(frozen=True)
class Lost:
    """A file that the index has and the storage has not: gone (`found` is None), or of another
    size. Sizes are bytes."""

    path: str
    size: int
    found: int | None

    @property
    def cause(self) -> str:
        """Why it does not count."""
        if self.found is None:
            return "it is gone"
        return f"it has {self.found:,} bytes, the index says {self.size:,}"


@dataclass(frozen=True)
class Span:
    """One span of time: how many files it has and should have; None where nobody said."""

    start: str
    expected: int | None
    indexed: int
    present: int
    intact: int

    @property
    def missing(self) -> int:
        """How many of the expected files it has not."""
        return max(0, (self.expected or 0) - self.intact)


@dataclass(frozen=True)
class Spans:
    """All spans of a channel, in order of time, as numbers beside a grid."""

    grid: Grid
    indexed: Numbers
    present: Numbers
    intact: Numbers

    def __len__(self) -> int:
        return self.grid.count

    def __iter__(self) -> Iterator[Span]:
        return map(self.at, range(len(self)))

    def at(self, place: int) -> Span:
        """One of them."""
        expected = self.grid.expected
        return Span(
            start=format_instant(self.grid.start(place)),
            expected=None if expected is None else int(expected[place]),
            indexed=int(self.indexed[place]),
            present=int(self.present[place]),
            intact=int(self.intact[place]),
        )

    def short(self) -> Iterator[Span]:
        """Those with fewer intact files than expected."""
        if self.grid.expected is not None:
            yield from map(self.at, np.flatnonzero(self.intact < self.grid.expected).tolist())

    def by_hour(self) -> Spans:
        """The same in hours, where the spans are shorter than that."""
        step = HOUR // self.grid.length
        if step <= 1 or not len(self):
            return self
        lead = (self.grid.first % HOUR) // self.grid.length
        starts = np.maximum(np.arange(0, self.grid.count + lead, step) - lead, 0)
        complete = self.intact
        expected = self.grid.expected
        if expected is not None:  # more in one span does not make up for less in the next
            complete = np.minimum(self.intact, expected)
        sums = [np.add.reduceat(one, starts) for one in (self.indexed, self.present, complete)]
        declared = None if expected is None else np.add.reduceat(expected, starts)
        first = self.grid.first - lead * self.grid.length
        return Spans(Grid(first, HOUR, len(starts), declared), *sums)


@dataclass(frozen=True)
class ChannelCompleteness:
    """How complete one channel of a bundle is.

    `expected` is None where nobody declared it, and `reason` says so. `complete` is how many of the
    expected files are there and intact, span by span: more in one span does not make up for less in
    another. `problem` says why nothing could be measured at all. A channel measured against a count
    in all is measured as a whole, not in the bundle's range.
    """

    channel: str
    version: str
    threshold: float
    basis: Basis = "unknown"
    reason: str | None = None
    problem: str | None = None
    expected: int | None = None
    complete: int | None = None
    indexed: int = 0
    present: int = 0
    intact: int = 0
    undated: int = 0
    lost: tuple[Lost, ...] = ()
    damaged: tuple[str, ...] = ()
    spans: Spans | None = None

    @property
    def ratio(self) -> float | None:
        """The share of what is expected; None where that is unknown."""
        if self.expected is None or self.complete is None or self.problem is not None:
            return None
        return self.complete / self.expected if self.expected else 1.0

    @property
    def passed(self) -> bool:
        """Whether it was measured and is at its threshold or above; one with nothing declared
        passes as long as no indexed file is lost or damaged."""
        if self.problem is not None:
            return False
        if self.ratio is None:
            return not self.lost and not self.damaged
        return self.ratio >= self.threshold

    @property
    def missing(self) -> int:
        """How many files are not there, against what is expected or else against the index."""
        if self.expected is None or self.complete is None:
            return self.indexed - self.present
        return self.expected - self.complete

    @property
    def absent(self) -> int:
        """How many of them are missing, and not there damaged."""
        known = self.expected is not None and self.complete is not None
        return max(0, self.missing - len(self.damaged)) if known else self.missing

    @property
    def never_indexed(self) -> int:
        """How many expected files the index never had."""
        return max(0, self.absent - len(self.lost)) if self.expected is not None else 0

    def to_json(self) -> dict[str, Any]:
        """The numbers by name, with the first of what is missing."""
        spans = [] if self.spans is None else [asdict(one) for one in self.spans.by_hour()]
        short = [] if self.spans is None else [asdict(one) for one in self.spans.short()]
        return {
            "channel": self.channel,
            "version": self.version,
            "passed": self.passed,
            "ratio": self.ratio,
            "threshold": self.threshold,
            "basis": self.basis,
            "reason": self.reason,
            "problem": self.problem,
            "expected": self.expected,
            "complete": self.complete,
            "indexed": self.indexed,
            "present": self.present,
            "intact": self.intact,
            "undated": self.undated,
            "missing": self.missing,
            "lost": [{**asdict(one), "cause": one.cause} for one in self.lost[:SHOWN_MAX]],
            "lost_count": len(self.lost),
            "damaged": list(self.damaged[:SHOWN_MAX]),
            "damaged_count": len(self.damaged),
            "short_spans": short[:SHOWN_MAX],
            "short_span_count": len(short),
            "hours": spans,
        }


@dataclass(frozen=True)
class Completeness:
    """How complete a bundle is: each of its channels, in the lock's order."""

    bundle: str
    channels: tuple[ChannelCompleteness, ...]

    @property
    def passed(self) -> bool:
        """Whether every channel passes."""
        return all(one.passed for one in self.channels)

    @property
    def ratio(self) -> float | None:
        """The share over all channels of which something is expected; None where there is none."""
        known = [one for one in self.channels if one.ratio is not None]
        expected = sum(one.expected or 0 for one in known)
        complete = sum(one.complete or 0 for one in known)
        if not known:
            return None
        return complete / expected if expected else 1.0

    def to_json(self) -> dict[str, Any]:
        """The numbers by name."""
        return {
            "bundle": self.bundle,
            "passed": self.passed,
            "ratio": self.ratio,
            "channels": [one.to_json() for one in self.channels],
        }
