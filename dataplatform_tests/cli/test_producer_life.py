"""A producer from nothing to a release, typed as a newcomer would type it."""

from __future__ import annotations

from pathlib import Path

import pytest

import opendata
from dataplatform_tests.cli.shell import od
from dataplatform_tests.cli.weather import WEATHER, edit, published, started

pytestmark = pytest.mark.platform

CSV = "station,day,mm\nA,2024-01-01,1.5\nA,2024-01-02,0\nB,2024-01-01,\n"


# --- the way of a newcomer ------------------------------------------------------------


@pytest.mark.requirement(
    "S1-4", "S1-10", "S1-13", "S1-14", "S1-54", "S1-66", "S1-67", "S1-90", "B48"
)
def test_init_check_run_publish_load(project: Path) -> None:
    answer = started()
    assert {path.name for path in WEATHER.iterdir()} == {"opendata.yaml", "main.py", "README.md"}
    assert "od run me/weather --publish" in answer.out

    answer = od("check", "me/weather")
    assert answer.code == 0
    assert "✓ me/weather" in answer.out

    answer = od("run", "me/weather", "--dry-run")
    assert answer.code == 0
    assert "it would become me/weather@1.0.0 (first release)" in answer.out
    assert "od run me/weather --publish" in answer.out
    assert not (project / ".opendata" / "store").exists()

    answer = published()
    assert "✓ published me/weather@1.0.0" in answer.out
    assert 'od.load("me/weather")' in answer.out
    assert f"creating {project}/.opendata/store" in answer.err
    assert "unsigned" in answer.err
    assert "od key create" in answer.err

    frame = opendata.load("me/weather")
    assert list(frame.columns) == ["date", "value"]
    assert len(frame) == 4


@pytest.mark.requirement("S1-67", "S1-88", "S1-89")
def test_the_second_cycle_of_editing_and_running(project: Path) -> None:
    started()
    published()
    edit("main.py", "101.9", "111.9")
    edit("main.py", "2024-01-05,102.4", "2024-01-05,102.4\n2024-01-08,103.0")

    answer = od("run", "me/weather")
    assert "rows: +1 ~1 (now 5)" in answer.out
    assert "~ date=2024-01-03: value 101.9 → 111.9" in answer.out
    assert "it would become me/weather@1.0.1 (patch step)" in answer.out
    assert opendata.dataset("me/weather").releases[0].release == "1.0.0"

    assert "published me/weather@1.0.1" in published().out
    assert opendata.load("me/weather")["value"].tolist() == [101.3, 111.9, 101.7, 102.4, 103.0]
    assert opendata.load("me/weather@1.0.0")["value"].tolist() == [101.3, 101.9, 101.7, 102.4]


def test_running_again_publishes_nothing_unless_forced(project: Path) -> None:
    started()
    published()
    answer = published()
    assert "nothing new: me/weather@1.0.0" in answer.out
    assert "nothing new" in od("run", "me/weather").out
    forced = od("run", "me/weather", "--publish", "--force", "--json")
    assert (forced.json["outcome"], forced.json["release"]) == ("published", "1.0.1")


def test_a_run_tells_programs_what_it_did(project: Path) -> None:
    started()
    rehearsed = od("run", "me/weather", "--json").json
    assert rehearsed["outcome"] == "would_publish"
    assert rehearsed["contract"]["passed"] is True
    answer = od("run", "me/weather", "--publish", "--json")
    assert answer.json["generation"] == 1
    assert answer.json["change"]["bump"] == "none" or answer.json["release"] == "1.0.0"
    assert od("run", "me/weather", "--publish", "--quiet").out == "me/weather@1.0.0\n"


def test_inside_the_producers_folder_a_dot_is_enough(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started()
    monkeypatch.chdir(project / WEATHER)
    assert od("check").code == 0
    assert od("run", ".", "--publish").code == 0
    assert (project / ".opendata" / "store").is_dir()
    assert not (project / WEATHER / ".opendata").exists()


def test_what_is_local_stays_out_of_version_control(project: Path) -> None:
    started()
    published()
    assert "*" in (project / ".opendata" / ".gitignore").read_text().splitlines()


def test_a_signed_release_verifies_against_the_trust_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started()
    exports = od("key", "create", "--quiet").out.splitlines()
    for line in exports:
        name, _, value = line.removeprefix("export ").partition("=")
        monkeypatch.setenv(name, value)
    assert "unsigned" not in published().err
    answer = od("verify", "me/weather")
    assert answer.code == 0
    assert "digests and signature hold" in answer.out
    assert (project / ".opendata" / "keys" / "signing.pem").stat().st_mode & 0o777 == 0o600


def test_a_key_that_lies_here_unset_is_named(project: Path) -> None:
    started()
    assert "od key create makes a key" in published().err
    line = od("key", "create", "--quiet").out.splitlines()[0]
    edit("main.py", "101.9", "111.9")
    assert f"hint: {line}" in published().err
    assert f"→ {line}" in od("doctor").out


# --- from data at hand ----------------------------------------------------------------


@pytest.mark.requirement("S1-14", "S1-66")
def test_init_from_a_file_gives_a_producer_that_publishes_it(project: Path) -> None:
    (project / "rain.csv").write_text(CSV)
    started("--from", "rain.csv")
    assert (WEATHER / "rain.csv").read_text() == CSV
    published()
    frame = opendata.load("me/weather", format="arrow")
    assert frame.to_pylist()[0]["station"] in ("A", "B")
    assert frame.num_rows == 3
    assert od("check", "me/weather").code == 0


def test_init_shows_what_it_guessed_and_what_to_look_at(project: Path) -> None:
    (project / "rain.csv").write_text(
        "day;zip;mm;note\n2024-01-01;01067;1,5;\n2024-01-02;10115;;\n;;;\n"
    )
    answer = started("--from", "rain.csv")
    table = [line.split(maxsplit=2) for line in answer.out.splitlines()[5:10]]
    assert table[0] == ["column", "type", "nulls  note"]
    assert table[1] == ["day", "date32", "key, time"]
    assert table[3] == ["mm", "string", "1  looks like numbers with a decimal comma"]
    assert table[4] == ["note", "string", "2  empty so far, so text"]
    assert "this is a guess" in answer.err
    published()
    assert opendata.load("me/weather", format="arrow").num_rows == 2


def test_init_from_an_address_fetches_it_again_in_every_run(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = project / "mirror" / "data.example"
    mirror.mkdir(parents=True)
    (mirror / "rain.csv").write_text(CSV)
    monkeypatch.setenv("OPENDATA_MIRROR", str(project / "mirror"))
    started("--from", "https://data.example/rain.csv")
    assert {path.name for path in WEATHER.iterdir()} == {"opendata.yaml", "main.py", "README.md"}
    published()
    (mirror / "rain.csv").write_text(CSV + "B,2024-01-02,7\n")
    assert "rows: +1" in published().out


# --- what queries cost ----------------------------------------------------------------


@pytest.mark.requirement("S4-46")
def test_a_run_tells_what_look_ups_cost_beside_the_current_release(project: Path) -> None:
    started()
    rule = "  - {metric: query_latency, field: date, max_ratio: 1000}\n"
    edit("opendata.yaml", "\nquality:\n", f"\nquality:\n{rule}")
    published()
    edit("main.py", "101.9", "111.9")
    answer = od("run", "me/weather")
    assert answer.code == 0, answer.err
    assert "query_latency(date): " in answer.out
    assert "times the" in answer.out
    answer = od("run", "me/weather", "--json")
    assert answer.json["quality"]["figures"]["query_latency(date)"] > 0
