"""`od --help` and its kin: what there is, at once, whatever is installed."""

from __future__ import annotations

import click
import pytest

from dataplatform.cli import commands as platform_commands
from dataplatform_tests.cli.shell import od
from opendata.cli import commands
from opendata.cli.app import installed_version
from opendata.cli.bundle import SUBCOMMANDS


@pytest.mark.requirement("S1-9")
def test_help_lists_every_command_with_one_line_and_the_exit_codes() -> None:
    answer = od("--help")
    assert answer.code == 0
    for name, entry in commands.all_commands():
        assert f"  {name} " in answer.out
        assert entry.help.split(",")[0] in answer.out
    assert "7 out of reach" in answer.out


def test_the_sdk_and_the_platform_name_the_same_commands() -> None:
    listed = {name for name, entry in commands.all_commands() if entry.target is None}
    below = {f"bundle {name}" for name, entry in SUBCOMMANDS.items() if entry.target is None}
    assert listed | below == set(platform_commands) - {"doctor"}


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_command_of_bundles_loads_and_explains_itself(name: str) -> None:
    answer = od("bundle", name, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: od bundle {name}")


@pytest.mark.parametrize("name", [name for name, _ in commands.all_commands()])
def test_every_listed_command_loads_and_explains_itself(name: str) -> None:
    command = commands.load_command(name)
    assert isinstance(command, click.Command)
    answer = od(name, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: od {name}")


@pytest.mark.requirement("B43")
def test_without_the_platform_its_commands_are_listed_with_what_they_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands, "_PLATFORM_NEEDS", ("no_such_library",))
    monkeypatch.setattr("opendata.cli.app.platform_is_installed", commands.platform_is_installed)
    listed = od("--help").out
    run_line = next(line for line in listed.splitlines() if line.strip().startswith("run "))
    load_line = next(line for line in listed.splitlines() if line.strip().startswith("load "))
    assert "opendata[platform]" in " ".join(listed.split(run_line)[1].split()[:6]) or (
        "opendata[platform]" in run_line
    )
    assert "opendata[platform]" not in load_line


def test_a_command_whose_library_is_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    targets = {"run": "no_such_library.cli:run"}
    monkeypatch.setattr(commands, "platform_targets", lambda: targets)
    answer = od("run", "me/x")
    assert answer.code == 4
    assert "od run needs no_such_library" in answer.err
    assert "hint: install opendata with its extra: opendata[platform]" in answer.err


def test_a_plain_install_says_so_before_a_command_of_the_platform_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands, "_PLATFORM_NEEDS", ("no_such_library",))
    answer = od("run", "me/x")
    assert answer.code == 4
    assert "od run needs no_such_library" in answer.err
    assert "hint: install opendata with its extra: opendata[platform]" in answer.err


@pytest.mark.parametrize("words", [[], ["cache"], ["registry"], ["key"]])
def test_a_group_by_its_name_alone_shows_its_help(words: list[str]) -> None:
    answer = od(*words)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"Usage: {' '.join(['od', *words])}")


def test_a_mistyped_command_gets_its_nearest_one() -> None:
    answer = od("serach", "x")
    assert answer.code == 2
    assert "od has no command 'serach'" in answer.err
    assert "did you mean 'search'?" in answer.err


@pytest.mark.requirement("S1-9")
def test_the_version_is_the_distributions() -> None:
    assert od("--version").out == f"od, version {installed_version()}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_ask_od_for_completions(shell: str) -> None:
    answer = od("completion", shell)
    assert answer.code == 0
    assert "_OD_COMPLETE" in answer.out
