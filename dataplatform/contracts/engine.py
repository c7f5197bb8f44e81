"""The port of the contract engine: Parquet files against a contract.

Here belongs the interface. What the findings mean stands in `report`, what is measured in
`profile`; engines are adapters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

import pyarrow as pa

from dataplatform.contracts.model import Contract, MetricThreshold
from dataplatform.contracts.profile import Profile
from dataplatform.contracts.referential import Pinned
from dataplatform.contracts.report import Report
from dataplatform.contracts.shard_facts import KnownShard

RULE: Final = "#rule"
REASON: Final = "#reason"
"""The columns that quarantined rows have beside their own: which rules they break, and how."""
NOTHING_PINNED: Final[Pinned] = MappingProxyType({})


@dataclass(frozen=True)
class SplitRows:
    """A batch in two: the rows that stay, and those taken out with `RULE` and `REASON`."""

    kept: pa.RecordBatch
    taken: pa.RecordBatch


class BrokenRows(Protocol):
    """The rows that rules with `action: quarantine` take out, found and not yet moved.

    `rows` are all rows that were judged, `counts` those that each rule takes, by its label; a row
    that breaks two rules is in both. `files` are the files that hold any, by their position.
    """

    @property
    def rows(self) -> int: ...
    @property
    def counts(self) -> Mapping[str, int]: ...
    @property
    def files(self) -> Sequence[int]: ...

    def split(self, at: int) -> Iterator[SplitRows]:
        """One file's rows in their order.

        Raises:
            Rejected: where a column is called as one of the two that are added.
        """
        ...


class ContractEngine(Protocol):
    """Evaluates every rule over every row, in bounded memory; nothing is sampled."""

    def check(
        self,
        files: Sequence[str],
        contract: Contract,
        *,
        time: str | None,
        known: Sequence[KnownShard] = (),
        pinned: Pinned = NOTHING_PINNED,
    ) -> tuple[Report, Profile]:
        """Judge and measure a candidate.

        A rule that fails, crashes or runs out of time is a finding that did not pass.

        Args:
            files: Paths of the candidate's Parquet files, in row order.
            contract: What the rows must keep.
            time: The time column, whose reach the profile tells.
            known: What is known of each file already, so that only the rest is measured. The
                caller vouches that it was measured of these very bytes, and facts under this
                very contract. The profile tells the shards' facts then; without it the table is
                measured as a whole.
            pinned: The releases that referential rules look up in. A rule whose release is not
                among them has not passed.

        Raises:
            InvalidInput: where there is no file.
            NotFound: where a file does not exist.
            Corrupt: where a file is no readable Parquet.
        """
        ...

    def broken_rows(
        self, files: Sequence[str], contract: Contract, *, pinned: Pinned = NOTHING_PINNED
    ) -> AbstractContextManager[BrokenRows]:
        """Find the rows that go to quarantine, as the contract's rules and their limits say.

        Raises:
            InvalidInput, NotFound, Corrupt: as `check`.
        """
        ...

    def profile(
        self,
        files: Sequence[str],
        contract: Contract,
        thresholds: Sequence[MetricThreshold],
        *,
        time: str | None,
    ) -> Profile:
        """Measure only; with the exact counts that `thresholds` ask for.

        Raises:
            InvalidInput, NotFound, Corrupt: as `check`.
            Rejected: where a column cannot be measured within the limits.
        """
        ...
