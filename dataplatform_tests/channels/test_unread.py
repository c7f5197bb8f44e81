"""Files that could not be described: told as far as anybody reads, and all of them counted."""

from __future__ import annotations

import pytest

from dataplatform.channels import unread as unread_module
from dataplatform.channels.ports import StoredFile, Unread
from dataplatform.channels.unread import UnreadFiles
from dataplatform_tests.channels.lake import Lake
from opendata.wire.errors import Rejected


def told(count: int, code: str) -> list[Unread]:
    """So many of them, the last one first."""
    return [Unread(StoredFile(f"{at:04d}", 1, "v"), code, "because") for at in range(count)][::-1]


def test_of_very_many_some_are_told_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread_module, "TOLD_MAX", 100)
    files = UnreadFiles(Lake.spec_with())
    for _ in range(3):
        files.add(told(400, "unreadable"))
    with pytest.raises(Rejected) as caught:
        files.left_out()
    assert caught.value.message.startswith("1,200 of the files")
    assert "and 1,180 more" in caught.value.message
    assert len(caught.value.details["unread"]) == 100
    assert caught.value.details["count"] == 1200
    left_out = UnreadFiles(Lake.spec_with(on_unread="leave_out"))
    left_out.add(told(1000, "unreadable"))
    left_out.add(told(1000, "vanished"))
    assert len(left_out.left_out()) == 200


def test_what_vanished_and_what_is_ignored_blocks_nothing() -> None:
    files = UnreadFiles(Lake.spec_with(pattern={"path": "*.jpg", "unmatched": "ignore"}))
    files.add(told(3, "unmatched"))
    files.add(told(2, "vanished"))
    assert [one.file.path for one in files.left_out()] == ["0000", "0001"]
