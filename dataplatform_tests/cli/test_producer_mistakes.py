"""Mistakes that people make with a producer, and how each is told."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

import opendata
from dataplatform_tests.cli.shell import od, od_process
from dataplatform_tests.cli.weather import WEATHER, edit, published, started
from dataplatform_tests.servers.static_http import serving
from opendata.stores import FolderStore
from opendata.wire import keys
from opendata.wire.catalogue import read_health
from opendata.wire.ids import parse_dataset_id

pytestmark = pytest.mark.platform

CSV = "station,day,mm\nA,2024-01-01,1.5\nA,2024-01-02,0\nB,2024-01-01,\n"


def test_what_the_template_left_to_say_is_never_published(project: Path) -> None:
    (project / "rain.csv").write_text(CSV)
    od("init", "me/weather", "--from", "rain.csv")
    rehearsed = od("run", "me/weather")
    assert rehearsed.code == 0
    assert "warning: producers/me/weather/opendata.yaml:" in rehearsed.err
    assert od("check", "me/weather").code == 0
    answer = od("run", "me/weather", "--publish")
    assert answer.code == 2
    for told in (
        "opendata.yaml:4:14: the description is still the template's",
        "opendata.yaml:5:10: <licence of the source> is still a placeholder",
        "opendata.yaml:6:7: <org> is still a placeholder",
    ):
        assert told in answer.err
    assert not (project / ".opendata" / "store").exists()


def test_a_new_producer_does_not_run_by_itself(project: Path) -> None:
    od("init", "me/weather")
    assert "schedule: {enabled: false} " in (WEATHER / "opendata.yaml").read_text()


def test_init_never_overwrites(project: Path) -> None:
    started()
    edit("main.py", "101.9", "7")
    answer = od("init", "me/weather")
    assert answer.code == 5
    assert "nothing in it is overwritten" in answer.err
    assert ",7" in (WEATHER / "main.py").read_text()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["Me/Weather Data"], 2, "did you mean 'me/weather-data'?"),
        (["weather"], 2, "an id is namespace/name"),
        (["me/rain", "--from", "no-such.csv"], 4, "there is no file no-such.csv"),
        (["me/rain", "--from", "main.py"], 2, "rename the data"),
        (["me/rain", "--from", "."], 2, "is a folder"),
        (["me/rain", "--from", "empty.csv"], 2, "empty.csv"),
        (["me/rain", "--from", "sheet.xlsx"], 2, "of no format known here"),
    ],
)
def test_a_wrong_init_says_so_and_writes_nothing(
    project: Path, words: list[str], code: int, told: str
) -> None:
    (project / "main.py").write_text("x = 1")
    (project / "empty.csv").write_text("")
    (project / "sheet.xlsx").write_bytes(b"PK\x03\x04")
    answer = od("init", *words)
    assert answer.code == code
    assert told in answer.err
    assert not list(project.glob("producers/*/*"))


def test_a_mistyped_id_gets_its_nearest_one(project: Path) -> None:
    started()
    answer = od("run", "me/wether", "--publish")
    assert answer.code == 4
    assert "did you mean 'me/weather'?" in answer.err
    answer = od("run", "./producers/me/wether")
    assert answer.code == 4
    assert "is no producer" in answer.err


def test_a_broken_yaml_is_told_at_its_lines(project: Path) -> None:
    started()
    edit("opendata.yaml", "license: CC0-1.0", "licence: CC0-1.0")
    edit("opendata.yaml", "timeout: 10m", "timeout: soon")
    answer = od("run", "me/weather")
    assert answer.code == 2
    assert "producers/me/weather/opendata.yaml:" in answer.err
    checked = od("check", "--json")
    assert checked.code == 2
    errors = checked.json[0]["errors"]
    assert all(error["line"] > 1 and error["column"] > 0 for error in errors)
    assert any("licence" in error["message"] for error in errors)
    assert any(error["hint"] == "did you mean `license`?" for error in errors)


def test_check_looks_at_every_producer(project: Path) -> None:
    started()
    od("init", "me/other")
    Path("producers/me/other/main.py").write_text("import os\n")
    answer = od("check", "all")
    assert answer.code == 2
    assert "✓ me/weather" in answer.out
    assert "✗ me/other" in answer.out
    assert "main.py:1:1: error: no function `produce` is defined" in answer.out
    assert "2 producers: 1 error" in answer.err


@pytest.mark.requirement("B15")
def test_check_suggests_what_to_write_instead_of_public_domain(project: Path) -> None:
    started()
    edit("opendata.yaml", "license: CC0-1.0", "license: Public Domain")
    answer = od("check", "me/weather")
    assert answer.code == 0
    assert "warning: 'Public Domain'" in answer.out
    assert "CC0-1.0, PDDL-1.0 or LicenseRef-Public-Domain" in answer.out


def test_check_without_any_producer_says_how_to_begin(project: Path) -> None:
    answer = od("check")
    assert answer.code == 4
    assert "od init NS/NAME" in answer.err


@pytest.mark.requirement("S1-86")
def test_a_broken_main_is_one_sentence_with_its_line(project: Path) -> None:
    started()
    published()
    (WEATHER / "main.py").write_text("def produce(context):\n    return 1 / 0\n")
    answer = od("run", "me/weather", "--publish")
    assert answer.code == 6
    assert "parse failure in producers/me/weather/main.py:2: ZeroDivisionError" in answer.err
    assert "│ producers/me/weather/main.py:2: return 1 / 0" in answer.err
    assert "hint: see its log above, then try again" in answer.err
    assert "Traceback" not in answer.err
    assert "Traceback" in od("run", "me/weather", "-v").err
    assert "failing" in od("info", "me/weather").out
    assert len(opendata.load("me/weather")) == 4


@pytest.mark.requirement("S1-86")
def test_a_missing_secret_is_a_matter_of_permission(project: Path) -> None:
    started()
    edit("opendata.yaml", "# secrets: [MY_API_KEY]", "secrets: [MY_API_KEY]")
    answer = od("run", "me/weather", "--publish", "--json")
    assert answer.code == 6
    assert answer.json["error"]["code"] == "producer_permission"
    assert "export MY_API_KEY=" in answer.err
    recorded = FolderStore(str(project / ".opendata" / "store"))
    health = read_health(
        recorded.get(keys.health_key(parse_dataset_id("me/weather"))).data, "health"
    )
    assert health.last_failure is not None
    assert health.last_failure.failure_class == "permission"


@pytest.mark.requirement("S1-86")
def test_a_source_out_of_reach_is_a_matter_of_network(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "empty-mirror").mkdir()
    monkeypatch.setenv("OPENDATA_MIRROR", str(project / "empty-mirror"))
    started()
    (WEATHER / "main.py").write_text(
        "def produce(context):\n    return context.fetch('https://data.example/x.csv').text\n"
    )
    answer = od("run", "me/weather", "--json")
    assert answer.code == 7
    assert answer.json["error"]["code"] == "producer_network"
    assert answer.json["error"]["retryable"] is True


def test_a_closed_gate_shows_the_rows_and_leaves_the_release(project: Path) -> None:
    started()
    published()
    edit("main.py", "101.9", "-5.0")
    for words in (["run", "me/weather"], ["run", "me/weather", "--publish"]):
        answer = od(*words)
        assert answer.code == 6
        assert "blocked by its contract gate" in answer.err
        assert "range(value)" in answer.err
        assert "2024-01-03" in answer.err
        assert "-5" in answer.err
    assert od("releases", "me/weather", "-q").out == "1.0.0\n"
    assert "(refused by contract)" in od("info", "me/weather").out


def test_a_breaking_change_names_the_major_to_declare(project: Path) -> None:
    started()
    published()
    for file in ("main.py", "opendata.yaml"):
        path = WEATHER / file
        path.write_text(path.read_text().replace("value", "amount"))
    answer = od("run", "me/weather")
    assert answer.code == 6
    assert "breaks readers of 1.0.0" in answer.err
    assert 'release: {version: "2.0.0"}' in answer.err
    edit("opendata.yaml", "observation: 7d}", 'observation: 7d, version: "2.0.0"}')
    assert "published me/weather@2.0.0" in published().out


def test_an_interval_replaces_that_part_and_says_what_is_wrong_with_it(project: Path) -> None:
    started()
    published()
    edit("main.py", "101.9", "111.9")
    edit("main.py", "101.7", "222.2")
    answer = od("run", "me/weather", "--publish", "--start", "2024-01-04", "--end", "2024-01-04")
    assert answer.code == 0
    assert opendata.load("me/weather")["value"].tolist() == [101.3, 101.9, 222.2, 102.4]
    assert od("run", "me/weather", "--start", "yesterday").code == 2
    assert od("run", "me/weather", "--start", "2024-02-01", "--end", "2024-01-01").code == 2


def test_publish_and_dry_run_exclude_each_other(project: Path) -> None:
    started()
    assert od("run", "me/weather", "--publish", "--dry-run").code == 2


def test_a_store_that_can_only_be_read_serves_a_rehearsal_and_refuses_a_publish(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started()
    published()
    edit("main.py", "101.9", "111.9")
    with serving(project / ".opendata" / "store") as address:
        monkeypatch.setenv("OPENDATA_STORAGE", address)
        rehearsed = od("run", "me/weather")
        refused = od("run", "me/weather", "--publish")
    assert "~ date=2024-01-03: value 101.9 → 111.9" in rehearsed.out
    assert refused.code == 2
    assert "can only be read" in refused.err
    assert "OPENDATA_STORAGE" in refused.err


def test_an_interrupted_run_ends_its_producer_and_publishes_nothing(project: Path) -> None:
    started()
    (WEATHER / "main.py").write_text(
        "import os, time\n\n\ndef produce(context):\n"
        "    open('../../../pid', 'w').write(str(os.getpid()))\n    time.sleep(600)\n"
    )
    (WEATHER / "main.py").write_text(
        (WEATHER / "main.py").read_text().replace("'../../../pid'", repr(str(project / "pid")))
    )
    process = od_process("run", "me/weather", "--publish", cwd=project)
    producer = wait_for_pid(project / "pid")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert err.endswith("interrupted\n")
    assert out == ""
    assert not Path(f"/proc/{producer}").exists()


def wait_for_pid(path: Path) -> int:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text()):
            return int(text)
        time.sleep(0.02)
    raise AssertionError("the producer never started")


@pytest.mark.requirement("S4-43", "S4-11")
def test_units_that_do_not_fit_are_seen_before_anything_runs(project: Path) -> None:
    started()
    text = (WEATHER / "opendata.yaml").read_text().partition("\ncontract:")[0]
    contract = """
contract:
  fields:
    - {name: date, type: date32}
    - {name: way, type: float64, unit: km}
    - {name: hours, type: float64, unit: hour}
    - {name: T_arr, type: float64, unit: s}
  rules:
    - {kind: dim_check, expression: way / hours, equals: m/s}
    - {kind: dim_check, expression: way * hours, equals: m/s}
    - {kind: dim_check, field: way, dimension: "[time]", action: annotate_only}
"""
    (WEATHER / "opendata.yaml").write_text(text + contract)
    answer = od("check", "me/weather", "--json")
    assert answer.code == 2
    [checked] = answer.json
    assert [finding["message"] for finding in checked["errors"]] == [
        "T_arr: arrival times that no rule with a tol_Tarr watches over",
        "way * hours is [length] * [time], and m/s is [length] / [time]",
    ]
    lines = (WEATHER / "opendata.yaml").read_text().splitlines()
    assert "way * hours" in lines[checked["errors"][1]["line"] - 1]
    assert "way is [length], and [time]" in [f["message"] for f in checked["warnings"]]
