"""Filling a file lake from pinned packages: a small wheel made here, installed by the real uv."""

from __future__ import annotations

import json
import os
import re
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
from uv import find_uv_bin

from dataplatform.adapters.mirrors.lake import STAMP, Lake, fill_lake, read_lake
from dataplatform_tests.adapters.mirrors.test_wheels import wheel
from dataplatform_tests.house.tree import ROOT
from opendata.wire.errors import InvalidInput, NotFound

DECLARATION = """
[packages]
carries-rates = "1.0"

[channels.rates]
folder = "rates/v1.0.0"
package = "carries-rates"
within = "carries_rates"
first_hour = 2026-06-01T23:00:00Z
sidecar = "{stem}.json"
files = [
    { name = "rates.csv", title = "Rates", licence = "CC0-1.0" },
    { name = "rates.csv", title = "Rates again" },
]
"""
FIRST, SECOND = "rates/v1.0.0/2026/06/01/23/rates", "rates/v1.0.0/2026/06/02/00/rates"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    built = wheel(tmp_path, "date,rate\n")
    digest = sha256(built.read_bytes()).hexdigest()
    (tmp_path / "lake.toml").write_text(DECLARATION)
    (tmp_path / "requirements.txt").write_text(
        f"carries-rates @ {built.as_uri()} --hash=sha256:{digest}\n"
    )
    return read_lake(tmp_path / "lake.toml")


@pytest.mark.platform
def test_files_lie_one_an_hour_with_what_is_known_beside_them(lake: Lake, tmp_path: Path) -> None:
    root = tmp_path / "lake"
    assert fill_lake(root, lake, uv=find_uv_bin())
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert found == {f"{at}.{end}" for at in (FIRST, SECOND) for end in ("csv", "json")} | {STAMP}
    assert (root / f"{FIRST}.csv").read_text() == "date,rate\n"
    known = json.loads((root / f"{FIRST}.json").read_text())
    assert (known["title"], known["licence"]) == ("Rates", "CC0-1.0")
    assert known["source"] == "carries-rates 1.0, carries_rates"
    assert known["hour"].startswith("synthetic")


@pytest.mark.platform
def test_what_is_as_it_should_be_is_not_touched(lake: Lake, tmp_path: Path) -> None:
    root = tmp_path / "lake"
    fill_lake(root, lake, uv=find_uv_bin())
    assert not fill_lake(root, lake, uv="there is no uv, and none is needed")
    kept = (root / f"{SECOND}.csv").stat()
    (root / f"{FIRST}.csv").write_text("something else\n")
    assert fill_lake(root, lake, uv=find_uv_bin())
    assert (root / f"{FIRST}.csv").read_text() == "date,rate\n"
    assert os.stat(root / f"{SECOND}.csv").st_ino == kept.st_ino


@pytest.mark.platform
def test_a_file_that_no_package_holds_is_named(lake: Lake, tmp_path: Path) -> None:
    text = DECLARATION.replace('"carries_rates"', '"elsewhere"')
    (tmp_path / "lake.toml").write_text(text)
    with pytest.raises(NotFound, match=r"elsewhere/rates\.csv"):
        fill_lake(tmp_path / "lake", read_lake(tmp_path / "lake.toml"), uv=find_uv_bin())


@pytest.mark.parametrize("text", ["", "x", "[channels.a]\nfolder = 1\n[packages]\n"])
def test_a_declaration_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "lake.toml").write_text(text)
    with pytest.raises(InvalidInput, match=r"lake\.toml"):
        read_lake(tmp_path / "lake.toml")


def test_the_declared_versions_are_the_ones_pinned_by_hash() -> None:
    folder = ROOT / "demo" / "lake"
    declared = tomllib.loads((folder / "lake.toml").read_text())["packages"]
    text = (folder / "requirements.txt").read_text()
    assert dict(re.findall(r"^([a-z-]+)==(\S+) ", text, re.MULTILINE)) == declared
    assert "://" not in text
