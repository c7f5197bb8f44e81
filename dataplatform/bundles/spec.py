"""What a bundle's spec asks for: `bundles/<type>/<name>-<version>.yaml` of the spec repository.

Here belongs its fields and what each may hold. Reading the file with places is `parse`'s.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Final, Literal

from pydantic import Field, PlainSerializer, PlainValidator, ValidationInfo, model_validator

from dataplatform.bundles.constraint import parse_constraint
from dataplatform.bundles.volume import is_volume
from dataplatform.channels.spec import ChannelName, Spec
from dataplatform.contracts.duration import Duration
from opendata.wire.bundle import BundleRef, BundleVersion, is_bundle_name, parse_bundle_version
from opendata.wire.errors import InvalidInput
from opendata.wire.ids import is_dataset_id

_RANGE_SHAPE: Final = 'write "2025-06-01T00:00:00Z", or a date for the whole day'


def _read_bundle_version(value: Any) -> BundleVersion:
    try:
        return value if isinstance(value, BundleVersion) else parse_bundle_version(value)
    except InvalidInput as error:
        raise ValueError(error.message) from error


def _read_bundle_name(value: Any) -> str:
    if not isinstance(value, str) or not is_bundle_name(value):
        raise ValueError(
            f"{value!r} is no name of a bundle: lower-case letters a-z, digits, single underscores "
            "and hyphens, at most 64 characters"
        )
    return value


def _read_constraint(value: str) -> str:
    try:
        return parse_constraint(value).text
    except InvalidInput as error:
        raise ValueError(error.message) from error


def _read_volume(value: str) -> str:
    if not is_volume(value):
        raise ValueError(f"{value!r} is no volume: write 2.5TB or 800GB")
    return value


def _read_instant(value: Any, info: ValidationInfo) -> datetime | None:
    """An instant; a bare date is the first moment of its day as a start, the last as an end."""
    if value is None or isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no time: {_RANGE_SHAPE}")
    try:
        if len(value) == len("2025-06-01"):
            moment = time.max if info.field_name == "end_time" else time.min
            return datetime.combine(date.fromisoformat(value), moment, UTC)
        at = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is no time: {_RANGE_SHAPE}") from error
    if at.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone: add a Z for UTC")
    return at.astimezone(UTC)


BundleName = Annotated[str, PlainValidator(_read_bundle_name)]
BundleVersionText = Annotated[
    BundleVersion, PlainValidator(_read_bundle_version), PlainSerializer(str)
]
ConstraintText = Annotated[str, PlainValidator(lambda value: _read_constraint(_text(value)))]
VolumeText = Annotated[str, PlainValidator(lambda value: _read_volume(_text(value)))]
Instant = Annotated[datetime | None, PlainValidator(_read_instant)]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f'text is expected here; put it in quotes: "{value}"')
    return value


class SpecMeta(Spec):
    """Which bundle it is (S0-17…S0-19), and for how long it may be corrected.

    `total_files` and `data_volume` are totals that a person wrote: they are compared with what is
    counted and never taken over (B16).
    """

    bundle_name: BundleName
    bundle_version: BundleVersionText
    bundle_type: Literal["weekly", "snapshot", "release"]
    observation: Duration | None = None
    total_files: int | None = Field(default=None, ge=0)
    data_volume: VolumeText | None = None


class AskedRange(Spec):
    """The span of data time that is asked for; both ends belong to it. A bare date is the whole
    day."""

    start_time: Instant = None
    end_time: Instant = None

    @model_validator(mode="after")
    def _in_order(self) -> AskedRange:
        if self.start_time and self.end_time and self.start_time > self.end_time:
            raise ValueError("start_time is after end_time, so nothing lies between them")
        return self


class AskedChannel(Spec):
    """One channel that is asked for: `channel` or, for a published data set, `dataset`.

    `file_count`, `total_size` and `storage_path` are what a person declared; they are compared with
    what is found (B16). A channel that is not `required` is left out where it is missing, unless
    `on_missing` says otherwise; of the two, one alone says both.
    """

    channel: ChannelName | None = None
    dataset: ChannelName | None = None
    version: ConstraintText
    required: bool = True
    on_missing: Literal["fail", "ignore"] = "fail"
    data_range: AskedRange = AskedRange()
    file_count: int | None = Field(default=None, ge=0)
    total_size: VolumeText | None = None
    storage_path: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _missing_follows_required(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("required") is False:
            return {"on_missing": "ignore", **value}
        if isinstance(value, dict) and value.get("on_missing") == "ignore":
            return {"required": False, **value}
        return value

    @model_validator(mode="after")
    def _is_one_thing(self) -> AskedChannel:
        if (self.channel is None) == (self.dataset is None):
            raise ValueError("write either `channel: …` or `dataset: …`")
        if self.dataset is not None and not is_dataset_id(self.dataset):
            raise ValueError(f"`dataset` is a data set's id (ns/name), and {self.dataset!r} is not")
        if self.required and self.on_missing == "ignore":
            raise ValueError("a required channel cannot be left out; write `required: false` too")
        return self

    @property
    def name(self) -> str:
        """The channel's name or the data set's id, as it was asked for."""
        return str(self.channel or self.dataset)

    @property
    def is_dataset(self) -> bool:
        """Whether a published data set is asked for, under whichever key."""
        return is_dataset_id(self.name)


class BundleSpec(Spec):
    """One bundle's spec."""

    meta: SpecMeta
    channels: tuple[AskedChannel, ...] = Field(min_length=1)

    @property
    def ref(self) -> BundleRef:
        """Which bundle this asks for."""
        return BundleRef(self.meta.bundle_type, self.meta.bundle_name, self.meta.bundle_version)
