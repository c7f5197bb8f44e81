"""What a bundle's spec asks for: `bundles/<type>/<name>-<version>.yaml` of the spec repository.

Here belong its fields and what each may hold. Reading the file with places is `parse`'s.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator

from dataplatform.channels.spec import ChannelName, Spec
from dataplatform.contracts.duration import Duration
from opendata.wire.bundle import BundleRef, BundleVersion, parse_bundle_version
from opendata.wire.errors import InvalidInput


def _read_bundle_version(value: Any) -> BundleVersion:
    try:
        return value if isinstance(value, BundleVersion) else parse_bundle_version(value)
    except InvalidInput as error:
        raise ValueError(error.message) from error


class SpecMeta(Spec):
    """Which bundle it is (S0-17…S0-19), and for how long it may be corrected."""

    bundle_name: str
    bundle_version: Annotated[
        BundleVersion, PlainValidator(_read_bundle_version), PlainSerializer(str)
    ]
    bundle_type: Literal["weekly", "snapshot", "release"]
    observation: Duration | None = None


class AskedRange(Spec):
    """The span of data time that is asked for; both ends belong to it."""

    start_time: datetime | None = None
    end_time: datetime | None = None


class AskedChannel(Spec):
    """One channel that is asked for: `channel` or, for a published data set, `dataset`."""

    channel: ChannelName | None = None
    dataset: ChannelName | None = None
    version: str
    required: bool = True
    on_missing: Literal["fail", "ignore"] = "fail"
    data_range: AskedRange = AskedRange()

    @property
    def name(self) -> str:
        """The channel's name or the data set's id, as it was asked for."""
        return str(self.channel or self.dataset)


class BundleSpec(Spec):
    """One bundle's spec. `declared_files` and `declared_volume` are totals that a person wrote:
    they are compared with what was counted and never taken over (B16)."""

    meta: SpecMeta
    channels: tuple[AskedChannel, ...] = Field(min_length=1)
    declared_files: int | None = None
    declared_volume: str | None = None

    @property
    def ref(self) -> BundleRef:
        """Which bundle this asks for."""
        return BundleRef(self.meta.bundle_type, self.meta.bundle_name, self.meta.bundle_version)
