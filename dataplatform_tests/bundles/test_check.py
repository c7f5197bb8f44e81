"""A whole spec repository checked: what is wrong, and where."""

from __future__ import annotations

import pytest

from dataplatform.bundles.check import SpecCheck, check_specs
from dataplatform.channels.catalogue import TAXONOMY
from dataplatform_tests.channels.test_catalogue import Files, spec

BUNDLE = "bundles/weekly/model-v1.0.0-2025.25.yaml"
EXPECTED = "expected: {count: 3}\n"
CHANNELS = (
    spec("image_original", "1.2.0", EXPECTED),
    spec("lidar", "1.0.0", EXPECTED),
    spec("lidar", "2.0.0", EXPECTED),
)


def bundle(*channels: str) -> str:
    """The spec of a bundle that asks for channels, a line each from line 3 on."""
    meta = "{bundle_name: model, bundle_version: v1.0.0-2025.25, bundle_type: weekly}"
    return "\n".join([f"meta: {meta}", "channels:", *(f"  - {one}" for one in channels), ""])


def checked(**files: str) -> SpecCheck:
    """What is found in a repository with such files beside three channels."""
    return check_specs(Files(**dict(CHANNELS), **files), "c0ffee")


def test_a_repository_in_order_has_nothing_to_say() -> None:
    found = checked(
        **{
            BUNDLE: bundle("{channel: image_original, version: '>=1.2,<2'}"),
            TAXONOMY: "aliases: {images: image_original}\n",
            "README.md": "about",
        }
    )
    assert (found.errors, found.warnings) == ((), ())
    assert found.files == (BUNDLE, *sorted(path for path, _ in CHANNELS), TAXONOMY)


@pytest.mark.parametrize(
    ("channel", "place", "message"),
    [
        ("{channel: lidr, version: '1'}", "3:15", "no channel 'lidr'"),
        ("{channel: lidar, version: '>=3'}", "3:31", "no version of 'lidar' meets '>=3'"),
        ("{channel: lidar, version: 'new'}", "3:31", ""),
        ("{channel: lidar, versio: '1'}", "3:22", "unknown key `versio`"),
    ],
)
def test_what_a_bundle_asks_for_in_vain_is_told(channel: str, place: str, message: str) -> None:
    found = checked(**{BUNDLE: bundle(channel)})
    told = [str(one) for one in found.errors]
    assert any(one.startswith(f"{BUNDLE}:{place}:") and message in one for one in told), told


def test_what_may_be_missing_and_what_is_old_is_advice() -> None:
    found = checked(
        **{
            BUNDLE: bundle(
                "{channel: radar, version: '1', required: false, on_missing: ignore}",
                "{channel: points, version: '2'}",
                "{dataset: getopendata/world-airports, version: '>=1.0'}",
            ),
            TAXONOMY: "deprecated: {points: {replaced_by: lidar, reason: renamed}}\n",
        }
    )
    assert found.errors == ()
    assert [(one.line, one.hint) for one in found.warnings] == [
        (3, "did you mean 'lidar'?"),
        (4, "write lidar"),
    ]


def test_every_kind_of_file_is_looked_at() -> None:
    found = checked(
        **{
            BUNDLE: "meta: [",
            TAXONOMY: "aliases: {lidar: image_original}\n",
            "channels/radar/spec-1.0.0.yaml": "channel: radar\n",
            "compatibility/dataindex_compatibility.yaml": "compatibility_matrix: 5\n",
            "monitoring/data_integrity.yaml": "monitorin: {}\n",
        }
    )
    assert {one.path for one in found.errors} == {
        BUNDLE,
        TAXONOMY,
        "channels/radar/spec-1.0.0.yaml",
        "compatibility/dataindex_compatibility.yaml",
        "monitoring/data_integrity.yaml",
    }
    assert all(one.line >= 1 and one.column >= 1 for one in found.errors)
    assert {one.path for one in found.only("channels").errors} == {"channels/radar/spec-1.0.0.yaml"}
    assert found.only(BUNDLE).files == (BUNDLE,)


def test_a_channel_without_expectation_is_advice() -> None:
    found = check_specs(Files(**dict([spec("radar", "1.0.0")])), "c0ffee")
    assert found.errors == ()
    assert [one.path for one in found.warnings] == ["channels/radar/spec-1.0.0.yaml"]
