"""Which version each constraint means, and the report where none does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import pytest

from dataplatform.bundles.parse import parse_bundle_spec
from dataplatform.bundles.resolve import Resolution, resolve_bundle
from dataplatform.channels.taxonomy import Deprecated
from opendata.wire.errors import Rejected
from opendata.wire.version import Version, parse_version

pytestmark = pytest.mark.requirement("S0-28", "S0-80", "S0-82")


@dataclass
class Offered:
    """Channels or data sets on offer, with aliases and withdrawn releases."""

    there: Mapping[str, str]
    aliases: Mapping[str, str] = field(default_factory=dict)
    withdrawn: frozenset[str] = frozenset()
    old: Mapping[str, Deprecated] = field(default_factory=dict)

    def canonical(self, name: str) -> str:
        return self.aliases.get(name, name)

    def names(self) -> Sequence[str]:
        return list(self.there)

    def versions(self, name: str) -> Sequence[Version]:
        return [parse_version(one) for one in self.there.get(name, "").split()]

    def deprecation(self, name: str) -> Deprecated | None:
        return self.old.get(name)

    def is_withdrawn(self, name: str, version: Version) -> bool:
        return f"{name}@{version}" in self.withdrawn


CHANNELS = Offered(
    {"image_original": "1.1.0 1.2.0 1.10.0 2.0.0", "object_array_fusion_infer": "1.2.0"},
    aliases={
        "object_array": "object_array_fusion_infer",
        "img": "image_original",
        "airports": "ns/airports",
    },
    old={"img": Deprecated(since=date(2025, 1, 1), reason="too short")},
)
RELEASES = Offered(
    {"ns/airports": "1.0.0 1.1.0 1.2.0", "ns/gone": "1.0.0"},
    withdrawn=frozenset({"ns/airports@1.2.0", "ns/gone@1.0.0"}),
)


def resolved(*channels: str) -> Resolution:
    listed = "\n".join(f"  - {{{one}}}" for one in channels)
    meta = "meta: {bundle_name: m, bundle_version: v1.0.0, bundle_type: weekly}"
    text = f"{meta}\nchannels:\n{listed}"
    return resolve_bundle(parse_bundle_spec(text, "spec.yaml"), CHANNELS, RELEASES)


def told(*channels: str) -> str:
    with pytest.raises(Rejected) as refused:
        resolved(*channels).require_whole()
    assert refused.value.code == "unresolvable"
    return refused.value.message


def test_the_newest_that_fits_by_number_and_not_by_text() -> None:
    [one] = resolved("channel: image_original, version: '>=1.2,<2'").resolved
    assert (one.channel, str(one.version), one.note) == ("image_original", "1.10.0", None)


@pytest.mark.requirement("B19")
def test_an_alias_resolves_and_says_so() -> None:
    [one] = resolved("channel: object_array, version: '*'").resolved
    assert (one.channel, one.requested_as) == ("object_array_fusion_infer", "object_array")
    assert one.note == (
        "object_array is another name of object_array_fusion_infer, which was locked"
    )


def test_a_name_that_is_not_used_any_more_resolves_and_says_why() -> None:
    [one] = resolved("channel: img, version: '1'").resolved
    assert one.note == (
        "img is not used any more since 2025-01-01 (too short); it is called image_original now, "
        "which was locked"
    )


def test_an_alias_may_stand_for_a_data_set() -> None:
    [one] = resolved("channel: airports, version: '1'").resolved
    assert (one.channel, str(one.version), one.requested_as) == (
        "ns/airports", "1.1.0", "airports",
    )  # fmt: skip


def test_a_withdrawn_release_is_never_locked_anew() -> None:
    [one] = resolved("dataset: ns/airports, version: '>=1.0'").resolved
    assert str(one.version) == "1.1.0"
    assert "what would do was withdrawn: 1.2.0" in told("dataset: ns/airports, version: 1.2.0")
    assert "withdrawn: 1.0.0" in told("channel: ns/gone, version: '*'")


def test_what_cannot_be_resolved_is_reported_at_once_each_with_its_reason() -> None:
    problems = resolved(
        "channel: image_original, version: '>=2.1,<3'",
        "channel: image_orignal, version: '1'",
        "dataset: ns/airport, version: '*'",
        "channel: object_array_fusion_infer, version: '*'",
        "channel: object_array, version: '*'",
    )
    assert len(problems.resolved) == 1
    message = told(
        "channel: image_original, version: '>=2.1,<3'",
        "channel: image_orignal, version: '1'",
        "dataset: ns/airport, version: '*'",
        "channel: object_array_fusion_infer, version: '*'",
        "channel: object_array, version: '*'",
    )
    assert message.splitlines() == [
        "4 channels cannot be resolved",
        "  image_original >=2.1,<3: there are 2.0.0 (not >=2.1), 1.10.0 (not >=2.1), "
        "1.2.0 (not >=2.1), 1.1.0 (not >=2.1) (the nearest is 2.0.0)",
        "  image_orignal 1: there is no such channel (did you mean 'image_original'?)",
        "  ns/airport *: no such data set is published (did you mean 'ns/airports'?)",
        "  object_array *: it is object_array_fusion_infer, which is asked for as "
        "object_array_fusion_infer as well",
    ]


def test_the_report_is_there_for_programs_too() -> None:
    with pytest.raises(Rejected) as refused:
        resolved("channel: image_original, version: '>=3'").require_whole()
    [report] = refused.value.details["unresolved"]
    assert report["versions"] == ["2.0.0", "1.10.0", "1.2.0", "1.1.0"]
    assert report["excluded"] == dict.fromkeys(report["versions"], ">=3")
    assert report["nearest"] == "2.0.0"


def test_what_may_be_missing_is_left_out_and_named() -> None:
    found = resolved(
        "channel: lidar, version: '*', required: false",
        "channel: image_original, version: '9', required: false",
        "channel: img, version: '*'",
    )
    found.require_whole()
    assert [one.channel for one in found.resolved] == ["image_original"]
    assert [(one.channel, one.requested) for one in found.left_out] == [
        ("lidar", "*"),
        ("image_original", "9"),
    ]
    assert found.left_out[0].reason == "there is no such channel"
