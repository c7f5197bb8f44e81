"""The services are handed what bundles need, each its own part: repositories, alerts, webhook."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from dataplatform_tests.deploy.test_files import COMPOSE, DEPLOY, compose
from dataplatform_tests.deploy.units import UNITS
from dataplatform_tests.house.tree import ROOT

CODE = {
    "OPENDATA_SPEC_REPO",
    "OPENDATA_INDEX_REPO",
    "OPENDATA_API_URL",
    "OPENDATA_ALERTS",
    "OPENDATA_SIGNING_KEY",
}
API = {"OPENDATA_API_URL", "OPENDATA_HOOK_SECRET", "OPENDATA_SPEC_REPO"}
OFFERED = re.compile(r"(?m)^(?:# )?(OPENDATA_\w+)=(\S*)$")


def offered(path: Path) -> dict[str, str]:
    """Every variable of an example, those that are commented out too, with its value."""
    return dict(OFFERED.findall(path.read_text()))


@pytest.mark.requirement("S0-90")
@pytest.mark.parametrize("folder", [UNITS, COMPOSE], ids=["systemd", "compose"])
def test_the_examples_offer_every_setting_that_bundles_need(folder: Path) -> None:
    assert set(offered(folder / "code.env.example")) >= CODE
    assert set(offered(folder / "api.env.example")) >= API
    assert "OPENDATA_DAGSTER" in offered(UNITS / "api.env.example")  # compose sets it itself


@pytest.mark.requirement("S0-90")
@pytest.mark.parametrize("example", sorted(DEPLOY.rglob("*.env.example")), ids=str)
def test_an_example_names_no_setting_that_nothing_reads(example: Path) -> None:
    read = (ROOT / "docs" / "reference" / "settings.md").read_text()
    read += "".join(path.read_text() for path in sorted(UNITS.glob("*.service")))
    read += (DEPLOY / "workspace.yaml").read_text() + (COMPOSE / "compose.yaml").read_text()
    assert [name for name in offered(example) if name not in read] == []


@pytest.mark.requirement("S0-90")
def test_in_compose_each_service_gets_its_part_and_can_read_the_files_that_it_names(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "deploy" / "compose"
    shutil.copytree(COMPOSE, folder)
    filled = re.sub(r"(?m)^(\w+)=$", r"\1=filled-in", (COMPOSE / ".env.example").read_text())
    (folder / ".env").write_text(filled)
    for name in ("code", "api"):
        example = (COMPOSE / f"{name}.env.example").read_text()
        (folder / f"{name}.env").write_text(re.sub(r"(?m)^# (OPENDATA_\w+=)", r"\1", example))
    told = compose("config", folder=folder)
    assert told.returncode == 0, told.stderr
    services = yaml.safe_load(told.stdout)["services"]
    given = {name: one.get("environment", {}) for name, one in services.items()}
    assert set(given["code"]) >= CODE
    assert set(given["api"]) >= {*API, "OPENDATA_DAGSTER"}
    for name in ("daemon", "webserver"):
        assert not (CODE | API) & set(given[name]), "nobody else knows secrets"
    for name in ("code", "api"):
        mounted = {one["target"] for one in services[name]["volumes"]}
        files = [v[5:] for v in given[name].values() if v and v.startswith("file:")]
        assert files
        assert {str(Path(one).parent) for one in files} <= mounted
        # The folders hold secrets: they are neither committed nor sent to the builder.
        assert f"/deploy/compose/{name}/" in (ROOT / ".gitignore").read_text().splitlines()
