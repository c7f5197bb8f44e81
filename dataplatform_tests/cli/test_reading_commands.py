"""The consumer's first minutes: search, look, load, trust."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

import opendata
from dataplatform_tests.cli.conftest import RATES
from dataplatform_tests.cli.shell import od, od_process
from opendata.cli.app import od as root_command

pytestmark = [
    pytest.mark.platform,
    pytest.mark.filterwarnings("ignore:the release is unsigned:UserWarning"),
]


# --- finding --------------------------------------------------------------------------


@pytest.mark.requirement("S1-10", "B10")
@pytest.mark.parametrize(
    "words",
    [
        [],
        ["rates"],
        ["euro", "COST"],
        ["--topic", "Rates"],
        ["tag:rates"],
        ["--namespace", "me"],
        ["--covers", "2024-01-15"],
    ],
)
def test_a_data_set_is_found_by_words_topic_namespace_and_coverage(
    rates: str, words: list[str]
) -> None:
    answer = od("search", *words)
    assert answer.code == 0
    assert rates in answer.out
    assert "2024-01-02 … 2024-02-01" in answer.out
    assert [entry["id"] for entry in od("search", *words, "--json").json] == [rates]
    assert od("search", *words, "--quiet").out == "me/rates\n"


@pytest.mark.parametrize(
    "words", [["stars"], ["--topic", "stars"], ["--namespace", "you"], ["--covers", "1999-01-01"]]
)
def test_finding_nothing_is_no_error(rates: str, words: list[str]) -> None:
    answer = od("search", *words)
    assert answer.code == 0
    assert "nothing published here fits" in answer.out
    assert od("search", *words, "--json").json == []


def test_without_a_store_the_ways_to_set_one_are_told(project: Path) -> None:
    for words in (["search"], ["load", "me/rates"], ["info", "me/rates"], ["verify", "me/rates"]):
        answer = od(*words)
        assert answer.code == 4
        assert "no store is set" in answer.err
        assert str(project) in answer.err
        for way in ("folder", "s3://", "https://"):
            assert way in answer.err


# --- looking --------------------------------------------------------------------------


def test_info_tells_what_a_reader_has_to_know(rates: str) -> None:
    answer = od("info", rates)
    assert answer.code == 0
    for told in ("Rates", "What a euro cost.", "me/rates@1.0.0", "CC0-1.0", "rates, macro",
                 "2024-01-02 … 2024-02-01", "healthy", "date32", "33.3 %", "sha256:",
                 'od.load("me/rates")'):  # fmt: skip
        assert told in answer.out
    assert od("info", rates, "--json").json["row_count"] == 3
    assert od("info", "me/rates@1.0.0", "-q").out == "me/rates@1.0.0\n"


def test_the_stored_preview_is_shown_and_more_rows_are_read(
    rates: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert od("preview", rates, "-n", "1").out.splitlines()[1].split() == [
        "2024-01-02", "USD", "1.09",
    ]  # fmt: skip
    monkeypatch.setenv("OPENDATA_PREVIEW_ROWS", "1")
    opendata.push(RATES.slice(0, 3), "me/short", license="CC0-1.0")
    assert opendata.dataset("me/short").preview["rows"] == [["2024-01-02", "USD", 1.09]] or (
        len(opendata.dataset("me/short").preview["rows"]) == 1
    )
    found = od("preview", "me/short", "--rows", "3", "--json").json
    assert found["columns"] == ["date", "currency", "rate"]
    assert len(found["rows"]) == 3


def test_releases_and_changelog_tell_the_history(rates: str) -> None:
    wider = RATES.append_column("source", [["ECB"] * 3])
    opendata.push(wider, rates, new_columns=True)
    listed = od("releases", rates)
    assert listed.out.splitlines()[1].split()[:2] == ["1.1.0", "current"]
    assert listed.out.splitlines()[2].split()[:2] == ["1.0.0", "published"]
    assert [one["release"] for one in od("releases", rates, "--json").json] == ["1.1.0", "1.0.0"]
    told = od("changelog", rates).out
    assert "## 1.1.0 – " in told
    assert "- Column `source` (string) was added." in told
    assert "- First release, with 3 rows." in told
    assert od("changelog", rates, "--json").json[0]["prev_release"] == "1.0.0"


def test_a_pinned_changelog_is_of_that_release_alone(rates: str) -> None:
    opendata.push(RATES.slice(0, 2), rates)
    told = od("changelog", f"{rates}@1.0.0").out
    assert "## 1.0.0" in told
    assert "## 1.0.1" not in told
    assert "od releases me/rates" in od("changelog", f"{rates}@9.0.0").err


def test_a_changelog_tells_what_changed_beside_rows(rates: str) -> None:
    opendata.push(RATES, rates, title="Rates of exchange", license="CC-BY-4.0")
    opendata.push(RATES, rates, force=True)
    newest, titled, _ = od("changelog", rates).out.split("\n\n")[:3]
    assert "- Nothing changed; it was released by force." in newest
    assert "- The rows are unchanged.\n- Revised: license, title." in titled
    assert od("changelog", rates, "--json").json[1]["about"] == ["license", "title"]


def test_a_rollback_is_told_and_keeps_the_first_time_of_publication(rates: str) -> None:
    first = od("releases", rates, "--json").json[0]["published_at"]
    opendata.push(RATES.slice(0, 2), rates)
    assert od("rollback", rates, "--to", "1.0.0").code == 0
    listed = od("releases", rates, "--json").json
    assert [(one["release"], one["state"]) for one in listed] == [
        ("1.0.1", "yanked"), ("1.0.0", "current"),
    ]  # fmt: skip
    assert listed[1]["published_at"] == first
    assert len(listed[1]["rolled_back_at"]) == 1
    assert "Made the current release again by a rollback" in od("changelog", rates).out


# --- loading --------------------------------------------------------------------------


@pytest.mark.requirement("S1-11", "S1-12", "S1-88", "S1-89")
def test_load_shows_the_first_rows_and_what_reading_cost(rates: str) -> None:
    answer = od("load", rates)
    assert answer.code == 0
    assert answer.out.splitlines()[0].split() == ["date", "currency", "rate"]
    assert "3 rows × 3 columns" in answer.err
    assert "read 2 of 2 shards" in answer.err
    assert "verified by digests" in answer.err


@pytest.mark.requirement("S1-12")
def test_an_interval_reads_only_its_shards(rates: str) -> None:
    answer = od("load", rates, "--start", "2024-02-01", "--end", "2024-02-29", "--json")
    assert answer.json == [{"date": "2024-02-01", "currency": "CHF", "rate": None}]
    told = od("load", rates, "--start", "2024-02-01").err
    assert "read 1 of 2 shards" in told


def test_columns_and_filters_choose(rates: str) -> None:
    answer = od(
        "load",
        rates,
        "-c",
        "rate,currency",
        "-f",
        "currency == USD",
        "-f",
        "rate > 1.095",
        "--json",
    )
    assert answer.json == [{"rate": 1.1, "currency": "USD"}]
    assert od("load", rates, "-f", "currency == XXX").out == "no rows\n"


def test_the_head_is_all_that_is_read(rates: str) -> None:
    answer = od("load", rates, "--head", "1")
    assert len(answer.out.splitlines()) == 2
    assert "read 1 of 1 shards" in answer.err
    assert od("load", rates, "--head", "0").out == "no rows\n"


@pytest.mark.parametrize("name", ["rates.csv", "rates.parquet", "rates.json"])
def test_rows_are_saved_under_the_names_format(rates: str, project: Path, name: str) -> None:
    answer = od("load", rates, "--output", name)
    assert answer.code == 0
    assert f"saved 3 rows to {name}" in answer.err
    assert answer.out == ""
    readers = {".csv": pd.read_csv, ".parquet": pq.read_table, ".json": read_json}
    assert len(readers[Path(name).suffix](project / name)) == 3


def read_json(path: Path) -> list[object]:
    found: list[object] = json.loads(path.read_text())
    return found


def test_csv_goes_down_a_pipe(rates: str) -> None:
    answer = od("load", rates, "--format", "csv", "-c", "currency,rate")
    assert answer.out == '"currency","rate"\n"USD",1.09\n"USD",1.1\n"CHF",\n'


def test_a_dash_is_standard_output(rates: str, project: Path) -> None:
    before = set(project.iterdir())
    answer = od("load", rates, "-o", "-", "--format", "csv", "-c", "currency")
    assert answer.out.startswith('"currency"')
    assert set(project.iterdir()) == before


def test_json_tells_what_was_saved_and_leaves_the_file_its_format(
    rates: str, project: Path
) -> None:
    answer = od("load", rates, "--json", "-o", "rates.parquet")
    assert json.loads(answer.out) == {"dataset": rates, "output": "rates.parquet", "rows": 3}
    assert pq.read_table(project / "rates.parquet").num_rows == 3
    assert od("load", rates, "-q", "-o", "rates.csv").out == "rates.csv\n"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["me/rates", "--json", "--format", "csv"], 2, "exclude each other"),
        (["me/rats"], 4, "did you mean 'me/rates'?"),
        (["me/rates@9.9.9"], 4, "od releases me/rates"),
        (["me/rates", "-c", "rat"], 4, "did you mean 'rate'?"),
        (["me/rates", "-f", "rate >"], 2, "--filter"),
        (["me/rates", "-f", "rate > much"], 2, "'much' is no such value"),
        (["me/rates", "--start", "soon"], 2, "'soon' is no date"),
        (["me/rates", "--start", "2024-02-01", "--end", "2024-01-01"], 2, "before it starts"),
        (["rates"], 2, "an id is namespace/name"),
        (["rates"], 2, "did you mean 'me/rates'?"),
        (["rate@1.0.0"], 2, "did you mean 'me/rates'?"),
        (["me/rates", "-o", "rates.xls"], 2, "--format"),
        (["me/rates", "-o", "no-such-folder/rates.csv"], 4, "no-such-folder"),
    ],
)
def test_a_mistake_is_answered_with_what_was_meant(
    rates: str, words: list[str], code: int, told: str
) -> None:
    answer = od("load", *words)
    assert answer.code == code
    assert told in answer.err


# --- trusting -------------------------------------------------------------------------


def test_everything_published_is_verified(rates: str) -> None:
    opendata.push(RATES, "me/other", license="CC0-1.0")
    opendata.push(RATES.slice(0, 2), rates)
    answer = od("verify", "--all", "--json")
    assert answer.code == 0
    assert [one["reference"] for one in answer.json] == [
        "me/other@1.0.0", "me/rates@1.0.1", "me/rates@1.0.0",
    ]  # fmt: skip
    every = od("verify", rates, "--all", "--json").json
    assert [one["reference"] for one in every] == ["me/rates@1.0.1", "me/rates@1.0.0"]
    assert od("verify").code == 2


def test_each_damaged_object_is_listed_and_the_exit_code_is_6(rates: str, project: Path) -> None:
    manifest = opendata.dataset(rates).release.manifest
    damaged = [entry.path for entry in manifest.files]
    for key in damaged:
        path = project / ".opendata" / "store" / key
        path.chmod(0o644)
        path.write_bytes(b"not what was published")
    answer = od("verify", rates)
    assert answer.code == 6
    assert all(key in answer.out for key in damaged)
    assert od("verify", rates, "-q").out.split() == damaged
    loaded = od("load", rates)
    assert loaded.code == 6
    assert "corrupt" in loaded.err or "damaged" in loaded.err or damaged[0] in loaded.err


# --- the shell ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("od info me/", ["me/rates"]),
        ("od load me/rates@", ["me/rates@1.0.0"]),
        ("od lo", ["load"]),
        ("od load --fo", ["--format"]),
        ("od run me/", ["me/weather"]),
    ],
)
def test_the_shell_completes_ids_releases_commands_and_options(
    rates: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    typed: str, expected: list[str],
) -> None:  # fmt: skip
    od("init", "me/weather")
    words = typed.split(" ")
    monkeypatch.setenv("_OD_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    with pytest.raises(SystemExit):
        root_command(prog_name="od")
    found = [line.partition(",")[2] for line in capsys.readouterr().out.splitlines()]
    assert found == expected


def test_a_pipe_that_is_closed_early_is_no_error(rates: str, project: Path) -> None:
    process = od_process("load", rates, "--format", "csv", cwd=project)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=300) in (0, 1)
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()


def test_a_terminal_without_unicode_shows_substitutes(rates: str, project: Path) -> None:
    process = od_process("verify", rates, cwd=project, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "me/rates@1.0.0" in out


# --- where nothing is found -----------------------------------------------------------

READERS = [["search"], ["load", "me/rates"], ["info", "me/rates"], ["preview", "me/rates"],
           ["releases", "me/rates"], ["changelog", "me/rates"], ["verify", "me/rates"],
           ["verify", "--all"]]  # fmt: skip


@pytest.mark.parametrize("words", READERS)
def test_a_store_that_does_not_exist_is_told_as_such(
    project: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("OPENDATA_STORAGE", str(project / "nowhere"))
    answer = od(*words)
    assert answer.code == 4
    assert f"there is no store at {project}/nowhere: the folder does not exist" in answer.err


@pytest.mark.parametrize("words", READERS)
@pytest.mark.parametrize("above", [".", ".opendata"])
def test_a_folder_around_the_store_leads_to_it(
    rates: str, project: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], above: str
) -> None:
    monkeypatch.setenv("OPENDATA_STORAGE", above)
    answer = od(*words)
    assert answer.code == 4
    assert f"hint: export OPENDATA_STORAGE={project}/.opendata/store" in answer.err


def test_a_lost_catalogue_is_no_empty_store(rates: str, project: Path) -> None:
    (project / ".opendata/store/index.json").unlink()
    for words in (["search"], ["verify", "--all"], ["load", "me/rats"]):
        answer = od(*words)
        assert answer.code == 4
        assert "hint: od registry rebuild" in answer.err
    assert "od registry rebuild" in od("doctor").out
    assert od("registry", "rebuild").code == 0
    assert od("search", "-q").out == "me/rates\n"


def test_an_unknown_data_set_gets_a_hint_everywhere(rates: str) -> None:
    for command in ("releases", "changelog", "load", "info", "verify"):
        assert "hint: od search lists what is" in od(command, "nope/nope").err
        assert "did you mean 'me/rates'?" in od(command, "me/rats").err


def test_a_search_that_finds_nothing_offers_the_nearest_word(rates: str) -> None:
    answer = od("search", "ratse")
    assert answer.code == 0
    assert "did you mean 'rates'?" in answer.err
    assert od("search", "ratse", "--json").json == []


def test_what_was_found_shows_itself_as_a_table(rates: str) -> None:
    opendata.push(RATES, "me/odd", title="<script>odd</script>", license="MIT")
    found = opendata.search()
    assert isinstance(found, list)
    assert [one["id"] for one in found] == ["me/odd", "me/rates"]
    assert repr(found).splitlines()[1] == "me/rates  1.0.0  3  Rates"
    html = found._repr_html_()
    assert "<td>me/rates</td>" in html
    assert "<script>" not in html
    assert repr(opendata.search("nowhere")) == "no data sets"


def test_the_namespace_of_verbs_is_no_function() -> None:
    with pytest.raises(TypeError, match=r"od\.dataset\('me/rates'\)\.releases"):
        opendata.releases("me/rates")
    assert "semver_compare" in dir(opendata.releases)
