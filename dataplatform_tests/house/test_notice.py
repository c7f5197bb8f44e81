"""The specification that the release engine follows is attributed as its licence asks."""

from __future__ import annotations

import pytest

from dataplatform_tests.house.tree import ROOT


@pytest.mark.requirement("S4-96")
def test_the_notice_names_author_work_source_and_licence() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for named in (
        "Tu Guanglin (屠广林)",
        "《能量丝理论》",
        "EFT.WP.Core.DataSpec v1.0",
        "energyfilament.org",
        "CC BY 4.0",
        "https://creativecommons.org/licenses/by/4.0/",
        "not reproduced",
    ):
        assert named in notice
