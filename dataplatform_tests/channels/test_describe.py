"""What is known of one file: ids, metadata, sidecars, readers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.channels.describe import Describer, metadata_text
from dataplatform.channels.pattern_text import PatternFault
from dataplatform.channels.ports import Described, Reading, StoredFile, Unread
from dataplatform.channels.spec import ChannelSpec
from dataplatform_tests.channels.test_pattern import at
from opendata.wire.digest import canonical_json
from opendata.wire.errors import InvalidInput


class JsonReader:
    """A sidecar reader as simple as can be: a JSON object with an optional `at`."""

    head_bytes = 0

    def read(self, file: StoredFile, head: bytes, sidecar: bytes | None) -> Reading:
        """What the sidecar says."""
        if sidecar is None:
            return Reading()
        try:
            value = json.loads(sidecar)
        except ValueError as error:
            raise InvalidInput(f"the sidecar of {file.path} is no JSON", code="bad_json") from error
        return Reading(value.pop("at", None), value)


def describer(**pattern: Any) -> Describer:
    """A describer of a channel with such a pattern."""
    spec = ChannelSpec.model_validate(
        {"channel": "c", "version": "1.0.0", "storage_path": "x", "pattern": pattern}
    )
    return Describer(spec, {"sidecar": JsonReader()})


def describe(one: Describer, path: str, sidecar: bytes | None = None) -> Described | Unread:
    """One file described."""
    return one.describe(StoredFile(path, 1, "v"), b"", sidecar, "0" * 64)


@pytest.mark.requirement("S0-46", "S0-49")
def test_a_sidecar_tells_more_than_the_path_and_goes_before_it() -> None:
    one = describer(path="%Y/{n}.jpg", sidecar="{stem}.json")
    assert one.sidecar_of("2025/a.jpg") == "2025/a.json"
    found = describe(one, "2025/a.jpg", b'{"at": 5, "n": "b", "w": [1]}')
    assert isinstance(found, Described)
    assert (found.timestamp, found.metadata) == (5, '{"n":"b","w":[1]}')
    bare = describe(one, "2025/a.jpg")
    assert isinstance(bare, Described)
    assert (bare.timestamp, bare.metadata) == (at(2025, 1, 1), '{"n":"a"}')
    by_path = describer(path="%Y/{n}.jpg", sidecar="{stem}.json", timestamp=["path", "sidecar"])
    found = describe(by_path, "2025/a.jpg", b'{"at": 5}')
    assert isinstance(found, Described)
    assert found.timestamp == at(2025, 1, 1)


def test_a_sidecar_that_is_broken_makes_its_file_unread() -> None:
    found = describe(describer(sidecar="{name}.json"), "a.jpg", b"{")
    assert isinstance(found, Unread)
    assert found.code == "bad_json"


@pytest.mark.parametrize(
    ("template", "path", "sidecar"),
    [
        ("{stem}.json", "a/b.c.jpg", "a/b.c.json"),
        ("{name}.json", "b.jpg", "b.jpg.json"),
        ("meta/{stem}.json", "a/b.jpg", "a/meta/b.json"),
        ("/meta/{path}.json", "a/b.jpg", "meta/a/b.jpg.json"),
        ("/{folder}/x.json", "a/b.jpg", "a/x.json"),
    ],
)
def test_sidecars_lie_where_their_template_says(template: str, path: str, sidecar: str) -> None:
    assert describer(sidecar=template).sidecar_of(path) == sidecar


@pytest.mark.parametrize(
    ("pattern", "path", "code"),
    [
        ({"path": "{a}.jpg"}, "a.png", "unmatched"),
        ({"path": "{a}_{b}.jpg"}, "a_b_c.jpg", "ambiguous_path"),
        ({"path": "%Y-%m-%d.jpg"}, "2025-02-30.jpg", "bad_time"),
        ({"path": "{a}.jpg", "file_id": "%Y_{a}"}, "x.jpg", "no_time"),
        ({"path": "{a}.jpg", "file_id": "{b}", "sidecar": "{stem}.json"}, "x.jpg", "no_field"),
        ({}, "../x.jpg", "unsafe_path"),
        ({}, "2025/06/31/12/img_001.jpg", "bad_time"),
        ({"file_id": "{path}{path}{path}"}, "a" * 200 + "/" + "b" * 200, "bad_file_id"),
    ],
)
def test_what_cannot_be_said_of_a_file_has_a_reason(
    pattern: Mapping[str, Any], path: str, code: str
) -> None:
    found = describe(describer(**pattern), path)
    assert isinstance(found, Unread)
    assert (found.code, bool(found.reason)) == (code, True)


@pytest.mark.requirement("S0-44")
@pytest.mark.parametrize(
    ("pattern", "path", "file_id"),
    [
        ({"path": "{a}/*.jpg"}, "x/y.jpg", "x/y"),
        ({"path": "{a}/*"}, "x/y.jpg", "x/y.jpg"),
        ({"path": "{a}/*.jpg", "file_id": "{a}-{stem}.{ext}"}, "x/y.jpg", "x-y.jpg"),
        ({"file_id": "f_%Y%j_%H%M%S%f"}, "2025/06/01/12/x.jpg", "f_2025152_120000000000"),
        ({"file_id": "{year}-{epoch}-{millisecond}"}, "2025/06/01/12/x.jpg", "2025-1748779200-000"),
    ],
)
def test_ids_are_made_of_the_path(pattern: Mapping[str, Any], path: str, file_id: str) -> None:
    found = describe(describer(**pattern), path)
    assert isinstance(found, Described)
    assert found.file_id == file_id


def test_a_pattern_whose_reader_is_missing_is_refused() -> None:
    spec = ChannelSpec.model_validate(
        {"channel": "c", "version": "1.0.0", "storage_path": "x", "pattern": {"exif": True}}
    )
    with pytest.raises(InvalidInput) as caught:
        Describer(spec)
    assert caught.value.code == "no_reader"


@pytest.mark.parametrize("template", ["{lost}", "*.json", "{a:d}", ""])
def test_templates_that_nothing_can_fill_are_refused(template: str) -> None:
    with pytest.raises(PatternFault):
        describer(path="{a}.jpg", file_id=template)
    with pytest.raises(PatternFault):
        describer(path="{a}.jpg", sidecar=template)


@given(st.dictionaries(st.text(max_size=6), st.text(max_size=10), max_size=6))
def test_metadata_is_canonical_whatever_way_it_is_written(fields: dict[str, str]) -> None:
    assert metadata_text(fields) == canonical_json(fields).decode()


def test_metadata_that_is_too_large_is_refused() -> None:
    with pytest.raises(InvalidInput):
        metadata_text({"a": "x" * (2 << 20)})
