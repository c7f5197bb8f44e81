"""What holds for every test: no settings of the machine leak in, no test is judged by the clock."""

from __future__ import annotations

import os

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
