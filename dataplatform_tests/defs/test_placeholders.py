"""What a template left to say is never published by a schedule either."""

from __future__ import annotations

import pytest

from dataplatform_tests.defs.site import DATASET, Site

pytestmark = pytest.mark.platform


@pytest.mark.requirement("S1-33", "M-10")
def test_a_placeholder_stops_the_candidate_at_its_place(site: Site) -> None:
    site.write(repo="https://github.com/<org>/<repo>")
    run = site.run()
    assert run.materialized == []
    (reason,) = run.failures.values()
    assert "<org> is still a placeholder" in reason
    assert "opendata.yaml:" in reason
    assert site.current_version(DATASET) is None
