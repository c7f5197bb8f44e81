"""What is handed out for several machines holds together, and its own tools accept it.

The units are read by systemd's verifier, the compose file by compose itself, the Dockerfile by its
linter. What none of them knows is checked here: that every file, program and variable that one
place names exists in the other.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from dataplatform_tests.deploy.units import SERVICES, UNITS, Installation, Unit, settings_of
from dataplatform_tests.house.tree import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose"
BIN = Path(sys.executable).parent
OF_THE_PLACE = {"storage", "local_artifact_storage", "compute_logs", "code_servers"}
RUN_SERVICES = ("code", "webserver", "daemon", "api")
ENVIRONMENTS = {"opendata-code": ["opendata.env", "code.env"], "opendata-api": ["api.env"]}
EXPOSURE_LIMIT = 20
"""Of 100, where 100 is a unit that may do everything; `systemd-analyze security` weighs it."""


def from_environment(value: Any) -> set[str]:
    """The variables that a Dagster configuration takes from the environment."""
    if isinstance(value, dict):
        if set(value) == {"env"}:
            return {str(value["env"])}
        return set().union(*map(from_environment, value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*map(from_environment, value)) if value else set()
    return set()


def configured() -> set[str]:
    files = (DEPLOY / "dagster.yaml", DEPLOY / "workspace.yaml")
    return set().union(*(from_environment(yaml.safe_load(file.read_text())) for file in files))


def compose(*words: str, folder: Path = COMPOSE) -> subprocess.CompletedProcess[str]:
    [found] = find_spec("compose").submodule_search_locations
    command = [f"{found}/docker-compose", "--file", str(folder / "compose.yaml"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compose folder as somebody filled it in."""
    folder = tmp_path_factory.mktemp("project") / "deploy" / "compose"
    shutil.copytree(COMPOSE, folder)
    example = (COMPOSE / ".env.example").read_text()
    (folder / ".env").write_text(re.sub(r"(?m)^(\w+)=$", r"\1=filled-in", example))
    for name in ("code", "api"):
        shutil.copy(COMPOSE / f"{name}.env.example", folder / f"{name}.env")
    return folder


@pytest.fixture(scope="module")
def services(project: Path) -> dict[str, dict[str, Any]]:
    """The services as compose understands them."""
    told = compose("--profile", "trial", "config", folder=project)
    assert told.returncode == 0, told.stderr
    assert told.stderr == "", "compose warns"
    return dict(yaml.safe_load(told.stdout)["services"])


# --- one instance, wherever it runs --------------------------------------------------


@pytest.mark.requirement("M-7")
def test_the_instance_of_several_machines_differs_only_in_what_depends_on_the_place() -> None:
    here = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    there = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    assert set(there) - OF_THE_PLACE == set(here) - OF_THE_PLACE
    for section in set(here) - OF_THE_PLACE:
        assert there[section] | here[section] == there[section], section


@pytest.mark.parametrize("example", [UNITS / "opendata.env.example", COMPOSE / ".env.example"])
def test_the_example_names_every_variable_that_the_instance_asks_for(example: Path) -> None:
    assert configured() <= {name for name, _ in settings_of(example)}


def test_no_example_holds_a_secret() -> None:
    secrets = [
        (path.name, name)
        for path in sorted(DEPLOY.rglob("*env.example"))
        for name, value in settings_of(path)
        if value and re.search("PASSWORD|SECRET|KEY|TOKEN", name)
        if not value.startswith("file:")  # where one lies is no secret
    ]
    assert secrets == []


# --- systemd -------------------------------------------------------------------------


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units with the programs of this environment in place of those in `/opt`."""
    files = sorted([*UNITS.glob("*.service"), *UNITS.glob("*.target")])
    installation = Installation(BIN, tmp_path)
    for file in files:
        (tmp_path / file.name).write_text(installation.place(file.read_text()))
    return [tmp_path / file.name for file in files]


def systemd_analyze(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    assert program, "these tests need systemd-analyze; on Debian: apt-get install systemd"
    return subprocess.run([program, *words], capture_output=True, text=True, check=False)


def test_systemd_accepts_the_units(units: list[Path]) -> None:
    verified = systemd_analyze("verify", "--man=no", *map(str, units))
    assert (verified.returncode, verified.stderr) == (0, "")


def test_a_unit_may_do_little_more_than_it_needs(units: list[Path]) -> None:
    words = ["security", "--offline=true", f"--threshold={EXPOSURE_LIMIT}"]
    services = [unit for unit in units if unit.suffix == ".service"]
    assert len(services) == len(SERVICES)
    for unit in services:
        told = systemd_analyze(*words, str(unit))
        assert told.returncode == 0, told.stdout[-2000:]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_reads_no_secrets_but_its_own(name: str, tmp_path: Path) -> None:
    files = Unit(name, Installation(BIN, tmp_path)).environment_files()
    assert files == ENVIRONMENTS.get(name, ["opendata.env"])
    assert all((UNITS / f"{file}.example").exists() for file in files)


# --- containers ----------------------------------------------------------------------


def test_compose_accepts_the_file_and_runs_the_same_commands_as_the_units(
    services: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    for name in RUN_SERVICES:
        unit = Unit(f"opendata-{name}", Installation(Path("."), tmp_path))
        words = unit.command(unit.environment())
        program, flags = words[0].removeprefix("./"), " ".join(words[1:]).replace("=", " ")
        command = services[name]["command"]
        assert command[0] == program
        listened = r"--(host|port|workspace) \S+"
        contained = " ".join(command[1:]).replace("=", " ")
        assert re.sub(listened, "", contained).split() == re.sub(listened, "", flags).split()


def test_compose_says_what_is_missing_instead_of_starting_without_a_password(
    tmp_path: Path,
) -> None:
    shutil.copytree(COMPOSE, tmp_path / "compose")
    shutil.copy(COMPOSE / ".env.example", tmp_path / "compose" / ".env")
    told = compose("config", folder=tmp_path / "compose")
    assert told.returncode != 0
    # Which of the empty ones it names first is left to chance.
    assert re.search("required variable (DAGSTER_POSTGRES_PASSWORD|AWS_[A-Z_]+) is", told.stderr)


def test_containers_run_without_rights_and_write_to_their_volumes_only(
    services: dict[str, dict[str, Any]],
) -> None:
    for name in RUN_SERVICES:
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["healthcheck"]["test"][0] == "CMD"
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(published) == {"webserver", "api"}
    assert {one["host_ip"] for ports in published.values() for one in ports} == {"127.0.0.1"}


def test_every_program_that_a_container_names_is_in_the_environment_of_the_lock(
    services: dict[str, dict[str, Any]],
) -> None:
    named = [services[name]["command"][0] for name in (*RUN_SERVICES, "buckets")]
    named += [services[name]["healthcheck"]["test"][1] for name in RUN_SERVICES]
    assert [name for name in named if not (BIN / name).exists()] == []
    locked = (ROOT / "requirements" / "platform.txt").read_text()
    for package in ("dagster", "dagster-webserver", "dagster-postgres", "dagster-aws"):
        assert re.search(rf"(?m)^{package}==", locked), package


def test_the_linter_accepts_the_dockerfile() -> None:
    linted = subprocess.run(
        [BIN / "hadolint", "--no-color", COMPOSE / "Dockerfile"], capture_output=True, text=True
    )
    assert (linted.returncode, linted.stdout) == (0, "")


def instructions(name: str) -> list[list[str]]:
    text = (COMPOSE / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return [shlex.split(line)[1:] for line in lines]


def test_everything_that_the_image_copies_exists_and_is_sent_to_the_builder() -> None:
    copied = [
        source
        for words in instructions("COPY")
        if not words[0].startswith("--from")
        for source in words[:-1]
    ]
    ignored = (COMPOSE / "Dockerfile.dockerignore").read_text().splitlines()
    sent = {line[1:] for line in ignored if line.startswith("!")}
    assert ignored[1] == "*"
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert sent == set(copied)


def test_the_image_ends_as_a_user_without_rights() -> None:
    assert instructions("USER") == [["10001:10001"]]
