"""After a power cut in the middle of a run, the next start settles it and begins it once more."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform_tests.defs.site import DATASET, Site
from dataplatform_tests.servers.control_room import eventually, running_control_room

pytestmark = pytest.mark.real

WAITING = """
import time
from pathlib import Path

def produce(context):
    Path(__file__).with_name("begun").touch()
    time.sleep(600)
"""


@pytest.mark.requirement("M-7", "M-8", "S1-86", "S1-87")
def test_a_run_that_died_with_everything_else_is_recorded_and_begun_again(tmp_path: Path) -> None:
    site = Site(tmp_path, {"OPENDATA_STORAGE": str(tmp_path / ".opendata" / "store")})
    begun = site.write_main(WAITING) / "begun"
    with running_control_room(tmp_path) as room:
        run = room.launch_dataset(DATASET)
        eventually(begun.exists, "main.py has begun")
        room.pull_the_plug()
    begun.unlink()
    with running_control_room(tmp_path) as room:
        assert room.status_at_end(run) == "FAILURE"
        [outcome] = eventually(site.outcomes, "the outcome is recorded")
        eventually(begun.exists, "main.py has begun once more")
    assert (outcome.outcome, outcome.run_id) == ("failed", run)
    assert site.current() is None
