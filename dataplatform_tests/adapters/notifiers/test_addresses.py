"""The secrets map: names to addresses, in a private file, never repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform.adapters.notifiers.addresses import read_addresses
from opendata.wire.errors import Denied, InvalidInput

SECRET = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7Ag"


def write(path: Path, text: str, mode: int = 0o600) -> str:
    path.write_text(text)
    path.chmod(mode)
    return f"file:{path}"


@pytest.mark.requirement("S0-76")
def test_names_stand_for_addresses(tmp_path: Path) -> None:
    text = (
        f"# who is told\n\nslack://data-ops = {SECRET}\nemail=mailto://localhost?to=a@b.example\n"
    )
    assert read_addresses(write(tmp_path / "alerts", text)) == {
        "slack://data-ops": SECRET,
        "email": "mailto://localhost?to=a@b.example",
    }


def test_without_a_reference_there_are_none() -> None:
    assert read_addresses(None) == {}


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Denied) as raised:
        read_addresses(write(tmp_path / "alerts", f"a = {SECRET}\n", 0o644))
    assert raised.value.hint == f"chmod 600 {tmp_path / 'alerts'}"


@pytest.mark.parametrize("line", [SECRET.replace("=", ""), f"= {SECRET}", f"a = {SECRET}\na = x"])
def test_a_malformed_line_is_told_by_its_number_and_never_shown(tmp_path: Path, line: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read_addresses(write(tmp_path / "alerts", f"b = x\n{line}\n"))
    assert f"alerts:{2 + line.count(chr(10))}:" in str(raised.value)
    assert "TIiajkdnlazkcOXrIdevi7Ag" not in repr(raised.value.to_json())


@pytest.mark.parametrize("reference", ["env:ALERTS", "file:", "/a/path"])
def test_only_files_hold_addresses(reference: str) -> None:
    with pytest.raises(InvalidInput):
        read_addresses(reference)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Denied, match="No such file"):
        read_addresses(f"file:{tmp_path / 'gone'}")
