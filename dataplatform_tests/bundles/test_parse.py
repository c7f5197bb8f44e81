"""A bundle's spec: both spellings are read, and every mistake is told at its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dataplatform.bundles.parse import parse_bundle_spec
from dataplatform.errors import InvalidDefinition

PATH = "bundles/weekly/foundational_model-v1.0.0-2025.25.yaml"
PINNED = """\
meta: {bundle_name: foundational_model, bundle_version: "v1.0.0-2025.25", bundle_type: weekly}
channels:
  - channel: image_original
    version: ">=1.2,<2"
    required: true
    data_range: {start_time: "2025-06-01T00:00:00Z", end_time: "2025-06-15T23:59:59Z"}
  - {channel: object_array_fusion_infer, version: "1.2.0", required: false, on_missing: ignore}
  - {dataset: getopendata/world-airports, version: ">=1.0"}
"""
DOCUMENT = """\
meta:
  bundle_name: foundational_model
  bundle_version: "v1.0.0-2025.25"
  bundle_type: weekly
  spec_source:
    repo: "DataSpecHub"
    commit: "abc123456"
    file: "bundles/weekly/foundational_model-v1.0.0-2025.25.yaml"
  created_at: "2025-06-20T10:30:00Z"
  data_volume: "2.5TB"
  total_files: 150000
data_manifest:
  - channel: image_original
    version: "1.2.0"
    data_range:
      start_time: "2025-06-01T00:00:00Z"
      end_time: "2025-06-15T23:59:59Z"
    storage_path: "s3://data-lake/image_original/v1.2.0/"
    index_file: "channels/image_original/v1.2.0/index.parquet"
    file_count: 50000
    total_size: "1.2TB"
    checksum: "sha256:abc123..."
access_config:
  base_url: "https://dataindex-api.company.com"
  authentication: "bearer_token"
"""


def findings(text: str, path: str = PATH) -> list[str]:
    with pytest.raises(InvalidDefinition) as refused:
        parse_bundle_spec(text, path)
    return [str(one).removeprefix(f"{path}:") for one in refused.value.findings]


@pytest.mark.requirement("S0-1", "S0-17", "S0-18", "S0-19", "S0-80", "B18")
def test_the_pinned_spelling() -> None:
    spec = parse_bundle_spec(PINNED, PATH)
    assert str(spec.ref) == "weekly/foundational_model-v1.0.0-2025.25"
    images, objects, airports = spec.channels
    assert images.data_range.start_time == datetime(2025, 6, 1, tzinfo=UTC)
    assert (images.required, images.on_missing) == (True, "fail")
    assert (objects.required, objects.on_missing) == (False, "ignore")
    assert (airports.name, airports.is_dataset) == ("getopendata/world-airports", True)


@pytest.mark.requirement("S0-26", "B16")
def test_a_document_can_be_asked_for_again_with_its_totals_as_declarations() -> None:
    spec = parse_bundle_spec(DOCUMENT, PATH)
    assert (spec.meta.total_files, spec.meta.data_volume) == (150_000, "2.5TB")
    [images] = spec.channels
    assert (images.version, images.file_count, images.total_size) == ("1.2.0", 50_000, "1.2TB")
    assert images.storage_path == "s3://data-lake/image_original/v1.2.0/"


def test_a_channel_that_is_not_required_may_be_missing_unless_it_says_otherwise() -> None:
    text = PINNED.replace(", on_missing: ignore", "")
    assert parse_bundle_spec(text, PATH).channels[1].on_missing == "ignore"
    one = parse_bundle_spec(PINNED.replace("required: false, ", ""), PATH).channels[1]
    assert (one.required, one.on_missing) == (False, "ignore")
    text = PINNED.replace("on_missing: ignore", "on_missing: fail")
    assert parse_bundle_spec(text, PATH).channels[1].on_missing == "fail"


def test_a_bare_date_is_its_whole_day_and_observation_is_a_duration() -> None:
    text = PINNED.replace("2025-06-01T00:00:00Z", "2025-06-01").replace(
        "2025-06-15T23:59:59Z", "2025-06-15"
    )
    text = text.replace("bundle_type: weekly", "bundle_type: weekly, observation: 2d")
    spec = parse_bundle_spec(text, PATH)
    asked = spec.channels[0].data_range
    assert asked.start_time == datetime(2025, 6, 1, tzinfo=UTC)
    assert asked.end_time == datetime(2025, 6, 15, 23, 59, 59, 999999, tzinfo=UTC)
    assert spec.meta.observation == timedelta(days=2)


def test_every_mistake_is_told_at_once_with_what_was_meant() -> None:
    text = (
        "meta: {bundle_nam: x, bundle_version: 1.0, bundle_type: weeky}\n"
        "channels:\n"
        "  - {chanel: a, version: 1.2}\n"
        "  - {channel: a, version: '^1.2', data_range: {start_time: 2025-06-02, end_time: "
        "'2025-06-01'}}\n"
        "  - {channel: b, version: '*', required: true, on_missing: ignore}\n"
        "  - {channel: b, dataset: ns/c, version: '*'}\n"
        "  - {channel: c, version: '*', data_range: {start_time: '2025-06-01T00:00:00'}}\n"
    )
    with pytest.raises(InvalidDefinition) as refused:
        parse_bundle_spec(text, PATH)
    told = [(one.line, one.message) for one in refused.value.findings]
    hints = [one.hint for one in refused.value.findings]
    assert (1, "`bundle_name` is missing") in told
    assert (1, "unknown key `bundle_nam`") in told
    assert (3, "unknown key `chanel`") in told
    assert {"did you mean `bundle_name`?", "did you mean 'weekly'?"} <= set(hints)
    assert "did you mean `channel`?" in hints
    for line, words in (
        (3, 'put it in quotes: "1.2"'),
        (4, "write >=1.2,<2"),
        (4, "nothing lies between them"),
        (5, "write `required: false` too"),
        (6, "either `channel: …` or `dataset: …`"),
        (7, "add a Z for UTC"),
    ):
        assert any(at == line and words in message for at, message in told), (line, words)
    assert not any("empty" in message for _, message in told)


@pytest.mark.requirement("B18")
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("bundles/snapshot/foundational_model-v1.0.0-2025.25.yaml", "the path says 'snapshot'"),
        ("bundles/weekly/other-v1.0.0-2025.25.yaml", "the path says 'other'"),
        ("bundles/weekly/foundational_model-v1.0.0-2025.26.yaml", "says 'v1.0.0-2025.26'"),
        ("bundles/weekly/foundational_model.yaml", "has to be called like its bundle"),
        ("bundles/weekly/foundational_model-1.0.0-2025.25.yaml", "has to be called"),
        ("bundles/weekly/deep/foundational_model-v1.0.0-2025.25.yaml", "has to be called"),
    ],
)
def test_a_file_is_called_like_the_bundle_that_it_names(path: str, words: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        parse_bundle_spec(PINNED, path)
    [finding] = refused.value.findings
    assert words in finding.message
    assert finding.hint is not None
    assert f"git mv {path} {PATH}" in finding.hint


def test_a_file_outside_of_the_repository_may_have_any_name() -> None:
    assert parse_bundle_spec(PINNED, "bundle_spec.yaml").ref.name == "foundational_model"


def test_a_channel_is_asked_for_once() -> None:
    again = PINNED + '  - {channel: image_original, version: "1.1.0"}\n'
    assert findings(again) == ["9:15: image_original is asked for twice, first in line 3"]


def test_what_is_no_mapping_or_no_yaml_is_told_so() -> None:
    assert findings("- a\n") == ["1:1: the file has to be a mapping (key: value)"]
    assert findings("meta: [\n")[0].startswith("2:1:")
    assert "`meta` is missing" in findings("channels: []\n")[0]
    both = PINNED + "data_manifest: []\n"
    assert "9:1: `channels` and `data_manifest` say the same thing, and both stand here" in (
        findings(both)
    )
