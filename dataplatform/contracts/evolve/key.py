"""The primary key: declared, in another order, or another one (S4-21, S4-22).

Here belongs what a change of the key's definition means. Keys of indexes belong to `releases`.
"""

from __future__ import annotations

from collections.abc import Iterator

from dataplatform.contracts.evolve.changes import Change, bump_of
from dataplatform.contracts.evolve.fields import successor
from dataplatform.contracts.model import Contract
from opendata.wire.version import Bump


def key_change(old: Contract, new: Contract) -> Iterator[Change]:
    """How the key differs; a renamed key field is still the key.

    Another order leaves what identifies a row as it is, and stores rows in another order: who
    relied on that has them sorted as they were (adapter `transforms`).
    """
    answering = (successor(name, new) for name in old.primary_key)
    carried = tuple(field.name if field else "" for field in answering)
    if carried == new.primary_key:
        return
    reason = None
    if carried and set(carried) != set(new.primary_key):
        reason = f"the primary key changed from {_listed(old)} to {_listed(new)}"
    yield Change(
        "primary_key",
        list(old.primary_key),
        list(new.primary_key),
        bump_of(reason, Bump.MINOR),
        reason,
        adapter="transforms" if carried and reason is None else None,
        constraint="primary_key",
    )


def _listed(contract: Contract) -> str:
    return f"({', '.join(contract.primary_key)})" if contract.primary_key else "none"
