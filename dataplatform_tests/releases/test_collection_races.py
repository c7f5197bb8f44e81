"""Publishers and collections at once, in memory, in a folder and on a real S3 server."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from dataplatform_tests.fakes.stores import FaultyStore, Pause
from dataplatform_tests.releases.collecting import DAY_AND_MORE, MARKS_APART, Yard
from dataplatform_tests.releases.collection_races import (
    PUBLISHER_STEPS,
    CollectionRaces,
    check_outcome,
    publish,
)
from dataplatform_tests.releases.waiting import in_background
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata.stores import FolderStore, ObjectStore, open_store
from opendata.stores.memory import MemoryStore

pytestmark = pytest.mark.requirement("B1", "B2", "S4-8")


class TestInMemory(CollectionRaces):
    """With S3's own kind of tokens."""

    @pytest.fixture
    def store(self) -> ObjectStore:
        return MemoryStore()

    @pytest.mark.parametrize(("operation", "key"), PUBLISHER_STEPS)
    def test_a_build_that_takes_days_is_published_whole_or_not_at_all(
        self, yard: Yard, operation: str, key: str
    ) -> None:
        """Its objects look like those of a dead one by then."""
        pause = Pause(operation, key)
        publisher = yard.on(FaultyStore(yard.ageing, [pause]))
        with in_background(lambda: publish(publisher)) as outcome:
            pause.await_call()
            yard.ageing.let_pass(hours=DAY_AND_MORE)
            yard.mark()
            yard.ageing.let_pass(hours=MARKS_APART)
            yard.collect()
            pause.release()
        check_outcome(yard, outcome)


class TestInAFolder(CollectionRaces):
    """The embedded default."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return FolderStore(str(tmp_path / "store"))


@pytest.mark.real
class TestOnS3(CollectionRaces):
    """Where an object's times are those of a server."""

    @pytest.fixture
    def store(self, seaweed: SeaweedServer, seaweed_bucket: str) -> ObjectStore:
        return open_store(f"{seaweed_bucket}/{uuid.uuid4().hex}", environ=seaweed.environ())
