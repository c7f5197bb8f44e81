"""The taxonomy of channels: other names of a channel, and names that are to be used no more (B19).

Here belong its fields and how a name is followed to the channel that it means.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from dataplatform.channels.spec import ChannelName, Spec


class Deprecated(Spec):
    """A name that is to be used no more: since when, why, and what replaces it, if anything."""

    replaced_by: ChannelName | None = None
    since: date | None = None
    reason: str = ""


def _read_deprecated(value: Any) -> Any:
    return {"replaced_by": value} if isinstance(value, str) else value


class Taxonomy(Spec):
    """`taxonomy/channel_taxonomy.yaml`: `aliases` by the other name, `deprecated` by the old one
    (a bare text is what replaces it)."""

    aliases: dict[ChannelName, ChannelName] = Field(default_factory=dict)
    deprecated: dict[ChannelName, Annotated[Deprecated, BeforeValidator(_read_deprecated)]] = Field(
        default_factory=dict
    )

    def next_name(self, name: str) -> str | None:
        """What a name stands for, one step on; None where it stands for itself."""
        if name in self.aliases:
            return self.aliases[name]
        old = self.deprecated.get(name)
        return old.replaced_by if old else None
