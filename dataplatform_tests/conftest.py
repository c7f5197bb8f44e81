"""What holds for every test: no settings of the machine leak in, no test is judged by the clock."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# Real servers, each started when the first test asks for it.
pytest_plugins = ["dataplatform_tests.servers.fixtures"]

# Read once at import, before any fixture: a test that needs a setting sets it itself.
for name in list(os.environ):
    if name.startswith(("OPENDATA_", "AWS_", "DAGSTER_")):
        del os.environ[name]
os.environ["OPENDATA_CACHE"] = "off"
os.environ["GX_ANALYTICS_ENABLED"] = "false"

settings.register_profile(
    "house",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("house")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where tests run side by side, let files with real servers go first.

    They wait for daemons most of their time. Begun last, they would leave the machine idle.
    """
    if hasattr(config, "workerinput"):
        waiting = {item.path for item in items if item.get_closest_marker("real")}
        items.sort(key=lambda item: item.path not in waiting)
