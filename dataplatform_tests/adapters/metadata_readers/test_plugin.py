from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

from dataplatform.adapters.metadata_readers.plugin import GROUP, load_reader
from dataplatform.channels.ports import Reading
from opendata.wire.errors import InvalidInput

UTC_ZONE = UTC
MODULE = """
def read(path, head):
    if path == "odd":
        return 7
    if path == "bad":
        raise LookupError("no such header")
    if path == "late":
        return {"timestamp": "soon"}
    return {"timestamp": 1748779200, "points": len(head)} if head else None
"""


@pytest.fixture
def lidar_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package that declares a reader, installed for the time of a test."""
    (tmp_path / "lidar_headers.py").write_text(MODULE)
    info = tmp_path / "lidar_tools-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lidar_tools\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\nlidar = lidar_headers:read\nbroken = lidar_missing:read\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    load_reader.cache_clear()
    yield "lidar_headers:read"
    load_reader.cache_clear()
    sys.modules.pop("lidar_headers", None)


@pytest.mark.requirement("S0-49")
def test_an_installed_function_tells_time_and_metadata(lidar_tools: str) -> None:
    read = load_reader(lidar_tools)
    assert read("a.las", b"LASF", UTC_ZONE) == Reading(1_748_779_200_000_000, {"points": 4})
    assert load_reader("lidar")("a.las", b"", UTC_ZONE) == Reading()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("bad", "failed on bad: LookupError: 'no such header'|failed on bad: LookupError"),
        ("odd", "it returned int"),
        ("late", "'soon' is no time"),
    ],
)
def test_what_a_function_does_wrong_is_told_with_its_name_and_the_file(
    lidar_tools: str, path: str, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        load_reader(lidar_tools)(path, b"", UTC_ZONE)
    assert caught.value.code == "reader_failed"
    assert caught.value.details == {"reader": lidar_tools, "path": path}


@pytest.mark.parametrize("name", ["os:system", "lidar_headers:other", "lidar_headers", ""])
def test_a_spec_names_no_function_that_no_package_declares(lidar_tools: str, name: str) -> None:
    with pytest.raises(InvalidInput, match="declares the metadata reader") as caught:
        load_reader(name)
    assert caught.value.code == "unknown_reader"
    assert lidar_tools in caught.value.message


def test_a_declared_function_that_cannot_be_imported_says_why(lidar_tools: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be imported: ModuleNotFoundError"):
        load_reader("broken")
