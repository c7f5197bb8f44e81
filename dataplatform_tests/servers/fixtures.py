"""Fixtures of real servers: one of each per test run, started when the first test asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dataplatform.adapters.indexing.spark.engine import SparkEngine
from dataplatform_tests.servers.postgres import PostgresServer, running_postgres
from dataplatform_tests.servers.seaweed import SeaweedServer, running_seaweed


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedServer]:
    """A real S3 server for the whole run; make a bucket or prefix of your own in it."""
    with running_seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture(scope="session")
def seaweed_bucket(seaweed: SeaweedServer) -> str:
    """The `s3://` address of a bucket that all tests share: add a prefix of your own."""
    return seaweed.create_bucket("shared-by-tests")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL for the whole run; make a database of your own in it."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def spark_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkEngine]:
    """A real Spark for the whole run, on this machine; it starts when it describes files."""
    engine = SparkEngine("/", work=tmp_path_factory.mktemp("spark"), master="local[2]")
    yield engine
    engine.close()
