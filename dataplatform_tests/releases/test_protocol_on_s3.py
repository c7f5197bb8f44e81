"""The release protocol on a real S3 server."""

from __future__ import annotations

import uuid

import pytest

from dataplatform_tests.releases.protocol import ReleaseProtocol
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata.stores import ObjectStore, open_store

pytestmark = [pytest.mark.real, pytest.mark.requirement("S1-7")]


class TestOnS3(ReleaseProtocol):
    """Where the token of equal bytes is equal."""

    @pytest.fixture
    def store(self, seaweed: SeaweedServer, seaweed_bucket: str) -> ObjectStore:
        return open_store(f"{seaweed_bucket}/{uuid.uuid4().hex}", environ=seaweed.environ())
