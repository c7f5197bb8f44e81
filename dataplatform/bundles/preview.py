"""What indexing a planned bundle would read, and which engine would read it: for a look beforehand.

Here belongs asking that of each channel that was resolved (B45). It costs a listing of each place
and writes nothing; a place that cannot be listed is told instead of stopping the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dataplatform.bundles.index import Plan
from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.resolve import Resolved
from dataplatform.channels.look import ChannelPlan, plan_index
from opendata.wire.errors import OpenDataError
from opendata.wire.ids import is_dataset_id


@dataclass(frozen=True)
class Preview:
    """One channel; `plan` is None for a data set, whose manifest is its index's source, and where
    `problem` says why its place cannot be looked at."""

    resolved: Resolved
    plan: ChannelPlan | None = None
    problem: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The preview by name; without what is not known."""
        told = self.plan.to_json() if self.plan else {}
        told = {name: told[name] for name in told if name not in ("channel", "version")}
        return told | ({"problem": self.problem} if self.problem else {})


def preview_channels(ports: BundlePorts, plan: Plan, *, force: bool = False) -> Sequence[Preview]:
    """What would be read of each channel that is resolved, in the plan's order.

    Raises:
        InvalidDefinition: if a channel's spec is broken, with places.
    """
    return [_preview(ports, plan, one, force) for one in plan.resolution.resolved]


def _preview(ports: BundlePorts, plan: Plan, one: Resolved, force: bool) -> Preview:
    if is_dataset_id(one.channel):
        return Preview(one)
    spec = plan.channels.spec(one.channel, one.version)
    try:
        return Preview(one, plan_index(ports.channels, spec, force=force))
    except OpenDataError as error:
        return Preview(one, problem=error.message)
