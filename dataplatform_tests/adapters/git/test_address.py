"""What a setting says of a repository, and what is shown of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform.adapters.git.address import read_address
from opendata.wire.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "shown", "name", "branch"),
    [
        ("https://h.example/c/DataSpecHub.git", None, "DataSpecHub", None),
        ("https://h.example/c/DataSpecHub#main", None, "DataSpecHub", "main"),
        ("https://u:p@ss@h.example/c/X.git", "https://h.example/c/X.git", "X", None),
        ("ssh://git@h.example:22/c/X.git#a/b", "ssh://h.example:22/c/X.git", "X", "a/b"),
        ("git@h.example:c/X.git", None, "X", None),
        ("file:///srv/X.git/", None, "X", None),
        ("/srv/DataSpecHub/.git", None, "DataSpecHub", None),
        ("/srv/DataSpecHub/", "/srv/DataSpecHub", "DataSpecHub", None),
    ],
)
def test_addresses(text: str, shown: str | None, name: str, branch: str | None) -> None:
    address = read_address(text)
    assert (address.name, address.branch) == (name, branch)
    assert address.shown == (shown or text.partition("#")[0])
    assert "p@ss" not in repr(address)


def test_a_folder_may_have_a_number_sign_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "specs#2"
    folder.mkdir()
    assert read_address(str(folder)).url == str(folder)
    assert read_address(f"{folder}#main").branch == "main"


@pytest.mark.parametrize(
    "text", ["", "#main", "-x", "ext::sh", "a#", "a#b c", "a#.hidden", "a#x.lock"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_address(text)
