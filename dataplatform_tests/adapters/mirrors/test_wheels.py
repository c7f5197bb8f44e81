"""Filling a mirror from pinned packages: a small wheel made here, installed by the real uv."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from uv import find_uv_bin

from dataplatform.adapters.mirrors.wheels import STAMP, Vintage, fill_mirror, read_vintages
from opendata.wire.errors import InvalidInput, NotFound, Unavailable

URL = "https://data.example.org/rates/latest.csv?year=2022"
ANSWER = "data.example.org/rates/latest.csv%3Fyear%3D2022"

DECLARATION = f"""
[sources.rates]
url = "{URL}"
package = "carries-rates"
path = "carries_rates/rates.csv"

[sources.other]
url = "https://data.example.org/other.csv"
package = "carries-other"
path = "carries_other/other.csv"

[vintages.v1]
packages = {{ carries-rates = "1.0" }}
recorded = ["recorded.example.org"]
"""


def wheel(folder: Path, content: str) -> Path:
    """An installable wheel with one data file."""
    path = folder / "carries_rates-1.0-py3-none-any.whl"
    info = "carries_rates-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("carries_rates/rates.csv", content)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: carries-rates\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"carries_rates/rates.csv,,\n{info}/METADATA,,\n")
    return path


def pin(demo: Path, content: str) -> None:
    """Pin the vintage to a wheel that carries `content`."""
    (demo / content).mkdir(exist_ok=True)
    built = wheel(demo / content, content)
    digest = sha256(built.read_bytes()).hexdigest()
    (demo / "vintages" / "v1.txt").write_text(
        f"carries-rates @ {built.as_uri()} --hash=sha256:{digest}\n"
    )


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    folder = tmp_path / "demo"
    (folder / "vintages").mkdir(parents=True)
    (folder / "recorded" / "recorded.example.org" / "a").mkdir(parents=True)
    (folder / "recorded" / "recorded.example.org" / "a" / "b.xml").write_text("<b/>")
    (folder / "vintages.toml").write_text(DECLARATION)
    pin(folder, "first")
    return folder


@pytest.fixture
def vintage(demo: Path) -> Vintage:
    return read_vintages(demo / "vintages.toml")["v1"]


def fill(root: Path, vintage: Vintage) -> list[str]:
    said: list[str] = []
    fill_mirror(root, vintage, uv=find_uv_bin(), log=said.append)
    return said


def answers(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != STAMP
    }


def test_packaged_and_recorded_answers_stand_under_their_addresses(
    tmp_path: Path, vintage: Vintage
) -> None:
    fill(tmp_path / "mirror" / "v1", vintage)
    assert answers(tmp_path / "mirror" / "v1") == {
        ANSWER: "first",
        "recorded.example.org/a/b.xml": "<b/>",
    }
    assert [path.name for path in (tmp_path / "mirror").iterdir()] == ["v1"], "no scratch is left"


def test_a_filled_mirror_is_left_alone(tmp_path: Path, vintage: Vintage) -> None:
    fill(tmp_path / "v1", vintage)
    before = (tmp_path / "v1" / STAMP).stat().st_mtime_ns
    assert fill(tmp_path / "v1", vintage) == ["mirror v1: already filled"]
    assert (tmp_path / "v1" / STAMP).stat().st_mtime_ns == before


@pytest.mark.parametrize("harm", ["altered", "removed", "added", "stamp"])
def test_a_mirror_that_was_tampered_with_is_filled_again(
    tmp_path: Path, vintage: Vintage, harm: str
) -> None:
    root = tmp_path / "v1"
    fill(root, vintage)
    if harm == "altered":
        (root / ANSWER).write_text("x")
    elif harm == "removed":
        (root / ANSWER).unlink()
    elif harm == "added":
        (root / "stray.csv").write_text("x")
    else:
        (root / STAMP).write_text("{")
    fill(root, vintage)
    assert answers(root) == {ANSWER: "first", "recorded.example.org/a/b.xml": "<b/>"}


def test_a_changed_pin_or_recording_fills_it_again(
    tmp_path: Path, demo: Path, vintage: Vintage
) -> None:
    root = tmp_path / "v1"
    fill(root, vintage)
    pin(demo, "second")
    fill(root, vintage)
    assert answers(root)[ANSWER] == "second"
    (demo / "recorded" / "recorded.example.org" / "a" / "b.xml").write_text("<c/>")
    fill(root, vintage)
    assert answers(root)["recorded.example.org/a/b.xml"] == "<c/>"


def test_bytes_other_than_the_pinned_ones_are_refused(
    tmp_path: Path, demo: Path, vintage: Vintage
) -> None:
    root = tmp_path / "v1"
    fill(root, vintage)
    pin(demo, "second")
    pinned = vintage.requirements.read_text()
    vintage.requirements.write_text(pinned[:-10] + "0" * 9 + "\n")
    with pytest.raises(Unavailable) as refused:
        fill(root, vintage)
    assert "hash" in refused.value.message.lower()
    assert answers(root)[ANSWER] == "first", "what was there before still answers"


def test_a_file_that_the_package_does_not_carry_is_named(tmp_path: Path, vintage: Vintage) -> None:
    wrong = replace(vintage, files=(replace(vintage.files[0], path="carries_rates/gone.csv"),))
    with pytest.raises(NotFound, match="vintage v1: no installed package holds gone"):
        fill(tmp_path / "v1", wrong)


def test_without_uv_the_way_to_it_is_named(tmp_path: Path, vintage: Vintage) -> None:
    with pytest.raises(NotFound) as missing:
        fill_mirror(tmp_path / "v1", vintage, uv=str(tmp_path / "no-uv"), log=lambda _: None)
    assert missing.value.hint == "run `make setup`, which installs uv"


def test_the_stamp_says_which_bytes_answer(tmp_path: Path, vintage: Vintage) -> None:
    fill(tmp_path / "v1", vintage)
    stamp = json.loads((tmp_path / "v1" / STAMP).read_text())
    assert stamp["vintage"] == "v1"
    assert stamp["files"][ANSWER] == sha256(b"first").hexdigest()


@pytest.mark.parametrize("text", ["[vintages", "[vintages.v1]", "[sources]\n[vintages.v1]\n"])
def test_a_declaration_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "vintages.toml").write_text(text)
    with pytest.raises(InvalidInput, match="does not declare vintages as expected"):
        read_vintages(tmp_path / "vintages.toml")


def test_a_pin_that_answers_for_no_source_is_refused(demo: Path) -> None:
    declared = (demo / "vintages.toml").read_text().replace('carries-rates = "1.0"', 'typo = "1.0"')
    (demo / "vintages.toml").write_text(declared)
    with pytest.raises(InvalidInput, match="vintage v1 pins typo, which no source names"):
        read_vintages(demo / "vintages.toml")
