"""How much memory a diff takes on machines with more and less of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform.adapters.row_diff import memory
from dataplatform.adapters.row_diff.memory import LOW_MEMORY_BYTES, memory_for

pytestmark = pytest.mark.requirement("S4-28")
GIB = 1 << 30


@pytest.mark.parametrize(
    ("machine", "limit", "used", "expected"),
    [
        (16 * GIB, "max", "0", GIB),
        (2 * GIB, "max", "0", GIB // 2),
        (16 * GIB, str(3 * GIB), str(GIB), GIB // 2),
        (16 * GIB, str(GIB), str(2 * GIB), LOW_MEMORY_BYTES),
        (None, None, None, GIB),
    ],
)
def test_a_diff_takes_at_most_a_quarter_of_what_is_free(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    machine: int | None,
    limit: str | None,
    used: str | None,
    expected: int,
) -> None:
    free = None if machine is None else f"MemTotal: 1 kB\nMemAvailable:   {machine // 1024} kB\n"
    for name, text in (("_MEMORY_FILE", free), ("_GROUP_LIMIT", limit), ("_GROUP_USE", used)):
        monkeypatch.setattr(memory, name, tmp_path / name)
        if text is not None:
            (tmp_path / name).write_text(text)
    assert memory_for(GIB, low=False) == expected
    assert memory_for(GIB, low=True) == LOW_MEMORY_BYTES
    assert memory_for(100 << 20, low=True) == 100 << 20
