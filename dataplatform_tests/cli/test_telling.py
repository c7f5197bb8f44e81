"""How far indexing is, told now and then and not at every file."""

from __future__ import annotations

from dataplatform.cli.bundles.telling import TELL_SECONDS, TellingProgress


def test_it_is_told_every_few_seconds_and_not_at_the_end() -> None:
    told: list[str] = []
    now = [0.0]
    progress = TellingProgress(told.append, lambda: now[0])
    progress.begin(0, 0)
    progress.begin(40, 4_000_000)
    for _ in range(40):
        now[0] += TELL_SECONDS / 4
        progress.advance(1, 100_000)
    assert told[0] == "  reading 40 files of 4.0 MB"
    assert told[1:] == [
        f"  {done} of 40 files, {done / 10:.1f} MB of 4.0 MB" if done >= 10
        else f"  {done} of 40 files, {done * 100:.1f} kB of 4.0 MB"
        for done in range(4, 40, 4)
    ]  # fmt: skip
