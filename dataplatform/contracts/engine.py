"""The port of the contract engine: Parquet files against a contract.

Here belongs the interface. What the findings mean stands in `report`, what is measured in
`profile`; engines are adapters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dataplatform.contracts.model import Contract, MetricThreshold
from dataplatform.contracts.profile import Profile
from dataplatform.contracts.report import Report
from dataplatform.contracts.shard_facts import KnownShard


class ContractEngine(Protocol):
    """Evaluates every rule over every row, in bounded memory; nothing is sampled."""

    def check(
        self,
        files: Sequence[str],
        contract: Contract,
        *,
        time: str | None,
        known: Sequence[KnownShard] = (),
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

        Raises:
            InvalidInput: where there is no file.
            NotFound: where a file does not exist.
            Corrupt: where a file is no readable Parquet.
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
