"""The guide on watching shows files that are read as shown, and code that runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform.alerts.finding import Severity
from dataplatform.bundles.watch.monitoring import Monitoring, parse_monitoring
from dataplatform.channels.parse import parse_channel_spec
from dataplatform_tests.house.test_doc_examples import blocks
from dataplatform_tests.house.tree import ROOT

GUIDE = ROOT / "docs/guides/watch-bundles.md"


@pytest.mark.requirement("S0-66", "S0-92")
def test_the_files_of_the_guide_are_read_as_shown() -> None:
    channel, documented, more = (one.text for one in blocks(GUIDE) if one.language == "yaml")
    assert parse_channel_spec(channel, "channels/images/spec-1.2.0.yaml").expected is not None
    assert parse_monitoring(documented).monitoring == Monitoring().monitoring
    policy = parse_monitoring(more).policy()
    assert [len([s for s in policy.steps if s.concerns(one)]) for one in Severity] == [2, 2]


@pytest.mark.requirement("S0-92")
def test_the_code_of_the_guide_looks_at_an_empty_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "store").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENDATA_STORAGE", str(tmp_path / "store"))
    names: dict[str, object] = {}
    for block in blocks(GUIDE):
        if block.language == "python":
            exec(compile(block.text, str(GUIDE), "exec"), names)  # our own documentation
    tick = names["tick"]
    assert tick.findings == []  # type: ignore[attr-defined]
