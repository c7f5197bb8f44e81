"""Looking after what is published: differences, going back, repairing, the catalogue, keys."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import opendata
from dataplatform.cli.init import web_address
from dataplatform.cli.registry import Registry
from dataplatform_tests.cli.conftest import RATES
from dataplatform_tests.cli.shell import fill_in, od
from opendata import releases
from opendata.reading.history import walk_history
from opendata.stores import FolderStore
from opendata.wire.errors import InvalidInput, NotFound, Rejected
from opendata.wire.ids import parse_dataset_id

pytestmark = [
    pytest.mark.platform,
    pytest.mark.filterwarnings("ignore:the release is unsigned:UserWarning"),
    pytest.mark.filterwarnings("ignore:no store is in reach:UserWarning"),
]

CHANGED = pa.table(
    {
        "date": RATES["date"],
        "currency": RATES["currency"],
        "rate": pa.array([1.09, 1.20, None]),
    }
)


@pytest.fixture
def two_releases(rates: str) -> str:
    """1.0.0 and, with one changed cell, 1.0.1."""
    assert opendata.push(CHANGED, rates).version == "1.0.1"
    return rates


def store_of(project: Path) -> Path:
    return project / ".opendata" / "store"


# --- differences ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["me/rates"],
        ["me/rates@1.0.1"],
        ["me/rates@1.0.0", "1.0.1"],
        ["me/rates@1.0.0", "me/rates@1.0.1"],
        ["me/rates", "1.0.0", "1.0.1"],
    ],
)
def test_two_releases_differ_in_one_cell(two_releases: str, words: list[str]) -> None:
    answer = od("diff", *words)
    assert answer.code == 0, answer.err
    assert "me/rates@1.0.0 → me/rates@1.0.1" in answer.out
    assert "rows: ~1 (now 3)" in answer.out
    assert "~ date=2024-01-03, currency=USD: rate 1.1 → 1.2" in answer.out
    assert "a patch step" in answer.out


def test_many_changes_are_shown_by_kind_and_counted(project: Path) -> None:
    def numbers(first: int, last: int, value: int) -> pa.Table:
        n = list(range(first, last))
        return pa.table({"n": n, "x": [value if one < 30 else 0 for one in n]})

    opendata.push(numbers(0, 60, 1), "me/n", license="MIT", contract={"primary_key": ["n"]})
    opendata.push(numbers(10, 75, 2), "me/n")
    told = od("diff", "me/n").out
    assert "rows: +15 -10 ~20" in told
    for mark in "+-~":
        assert f"\n  {mark} n=" in told
    assert "… and 40 more" in told


def test_without_a_key_the_rows_themselves_are_shown(project: Path) -> None:
    opendata.push(pa.table({"a": [1, 2]}), "me/n", license="MIT")
    opendata.push(pa.table({"a": [1, 3]}), "me/n")
    assert "+ a=3" in od("diff", "me/n").out


@pytest.mark.parametrize(
    "words", [["me/rates", "1.0.0"], ["me/rates@1.0.0"], ["me/rates", "--to", "1.0.0"]]
)
def test_a_rollback_takes_its_release_in_three_ways(two_releases: str, words: list[str]) -> None:
    answer = od("rollback", *words)
    assert answer.code == 0, answer.err
    assert "me/rates is at 1.0.0 again (was 1.0.1)" in answer.out


def test_a_rollback_to_nowhere_says_how_to_name_one(two_releases: str) -> None:
    for words in (["me/rates"], ["me/rates@1.0.0", "--to", "1.0.1"]):
        answer = od("rollback", *words)
        assert answer.code == 2
        assert "od rollback me/rates --to VERSION" in answer.err


def test_all_means_every_release_of_every_data_set(two_releases: str) -> None:
    opendata.push(RATES, "me/others", license="MIT")
    references = [one["reference"] for one in od("verify", "--all", "--json").json]
    assert references == ["me/others@1.0.0", "me/rates@1.0.1", "me/rates@1.0.0"]
    assert len(od("verify", two_releases, "--all", "--json").json) == 2


def test_a_difference_is_one_document_for_programs(two_releases: str) -> None:
    found = od("diff", two_releases, "--json").json
    assert found["diff_R"]["changed"] == 1
    assert set(found["diff_S"]) == {
        "Fields_add", "Fields_drop", "Type_change", "Unit_change", "Constraint_change",
    }  # fmt: skip
    assert (found["breaking"], found["bump"]) == (False, "patch")


def test_the_first_release_has_nothing_before_it(rates: str) -> None:
    answer = od("diff", rates)
    assert answer.code == 2
    assert "is the first release" in answer.err
    assert "no difference" in od("diff", "me/rates@1.0.0", "1.0.0").out


def test_tables_frames_files_and_releases_compare_with_one_another(
    two_releases: str, project: Path
) -> None:
    pq.write_table(CHANGED, project / "changed.parquet")
    sides = [CHANGED, CHANGED.to_pandas(), "changed.parquet", "me/rates@1.0.1", "me/rates"]
    for side in sides:
        found = releases.diff_datasets("me/rates@1.0.0", side, ["date", "currency"])
        assert set(found) == {"diff_R", "diff_S", "diff_I", "breaking", "bump"}
        assert (found["diff_R"]["added"], found["diff_R"]["changed"]) == (0, 1)


def test_without_keys_rows_are_compared_as_a_multiset(project: Path) -> None:
    found = releases.diff_datasets(pa.table({"a": [1, 1, 2]}), pa.table({"a": [1, 2, 3]}))
    assert (found["diff_R"]["added"], found["diff_R"]["removed"]) == (1, 1)
    assert found["diff_R"]["keyed"] is False


def test_null_and_repeated_keys_are_refused_with_their_count(project: Path) -> None:
    good, repeated = pa.table({"k": [1, 2]}), pa.table({"k": [1, 1]})
    with pytest.raises(Rejected):
        releases.diff_datasets(good, repeated, ["k"])
    with pytest.raises(Rejected):
        releases.diff_datasets(good, pa.table({"k": [1, None]}), ["k"])
    with pytest.raises(InvalidInput, match="the key z"):
        releases.diff_datasets(good, good, ["z"])


def test_a_column_that_is_gone_is_breaking(project: Path) -> None:
    found = releases.diff_datasets(pa.table({"k": [1], "x": [1]}), pa.table({"k": [1]}), ["k"])
    assert (found["breaking"], found["bump"]) == (True, "major")
    assert found["diff_S"]["Fields_drop"][0]["field"] == "x"


# --- going back -----------------------------------------------------------------------


def test_a_rollback_is_a_new_step_that_says_who(two_releases: str, project: Path) -> None:
    ahead = od("rollback", two_releases, "--to", "1.0.0", "--dry-run")
    assert "would go from 1.0.1 to 1.0.0" in ahead.out
    assert opendata.load(two_releases)["rate"].tolist()[1] == 1.2

    answer = od("rollback", two_releases, "--to", "1.0.0", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["generation"] == 3
    assert answer.json["by"].startswith("od rollback (")
    assert opendata.load(two_releases)["rate"].tolist()[1] == 1.1

    reader = FolderStore(str(store_of(project)))
    kinds = [commit.kind for commit in walk_history(reader, parse_dataset_id(two_releases))]
    assert kinds == ["rollback", "hotfix", "publish"]
    last = opendata.dataset(two_releases).info["health"]["last_runs"][0]
    assert last["message"] == "rolled back from 1.0.1 to 1.0.0"
    assert last["by"] == answer.json["by"]
    assert od("search", "--json").json[0]["release"] == "1.0.0"


def test_going_back_to_where_one_is_does_nothing(two_releases: str) -> None:
    answer = od("rollback", two_releases, "--to", "1.0.1")
    assert answer.code == 0
    assert "is at 1.0.1 already" in answer.out
    assert releases.rollback(two_releases, "1.0.0")["moved"] is True
    assert releases.rollback(two_releases, "1.0.0")["moved"] is False


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["me/rates", "--to", "7.0.0"], 4, "od releases me/rates"),
        (["me/rates", "--to", "one"], 2, "'one' is no version"),
        (["me/rats", "--to", "1.0.0"], 4, "is not published"),
        (["me/rates"], 2, "--to"),
    ],
)
def test_a_rollback_to_nowhere_is_refused(
    two_releases: str, words: list[str], code: int, told: str
) -> None:
    answer = od("rollback", *words)
    assert answer.code == code
    assert told in answer.err


# --- repairing, the catalogue ---------------------------------------------------------


def test_repair_rebuilds_what_is_derived_and_says_so(rates: str, project: Path) -> None:
    copy = store_of(project) / "datasets" / rates / "metadata.json"
    copy.unlink()
    (store_of(project) / "index.json").write_text("{}")
    seen = od("repair", "--dry-run")
    assert seen.code == 0
    assert "to repair: datasets/me/rates/metadata.json" in seen.out
    assert not copy.exists()
    answer = od("repair", rates, "--json")
    assert answer.code == 0
    assert {finding["object"] for finding in answer.json["findings"]} >= {
        "datasets/me/rates/metadata.json"
    }
    assert json.loads(copy.read_text())["release"] == "1.0.0"
    assert "nothing to repair in 1 data set" in od("repair").out


def test_what_is_not_published_cannot_be_repaired(rates: str) -> None:
    answer = od("repair", "me/rats")
    assert answer.code == 4
    assert "did you mean 'me/rates'?" in answer.err


def test_what_cannot_be_repaired_ends_with_6(rates: str, project: Path) -> None:
    pointer = store_of(project) / "datasets" / rates / "latest.json"
    pointer.chmod(0o644)
    pointer.write_text("{}")
    answer = od("repair")
    assert answer.code == 6
    assert "damaged: datasets/me/rates/latest.json" in answer.out


@pytest.mark.requirement("S1-60", "S1-62", "S1-63")
def test_the_catalogue_is_made_anew_from_what_is_published(rates: str, project: Path) -> None:
    opendata.push(RATES, "me/other", license="CC0-1.0")
    (store_of(project) / "index.json").unlink()
    assert od("search").code == 4
    answer = od("registry", "rebuild")
    assert answer.code == 0
    assert "2 data sets in the catalogue" in answer.out
    assert od("search", "-q").out.split() == ["me/other", "me/rates"]


@pytest.mark.requirement("S1-60", "S1-61")
def test_adding_a_definition_checks_it_and_refreshes_its_entry(project: Path) -> None:
    od("init", "me/weather")
    fill_in(Path("producers/me/weather"))
    before = od("registry", "add", "producers/me/weather")
    assert before.code == 0
    assert "it is not published yet" in before.out
    assert od("run", "me/weather", "--publish").code == 0
    (store_of(project) / "index.json").unlink()
    answer = od("registry", "add", "me/weather", "--json")
    assert answer.json == {"id": "me/weather", "release": "1.0.0", "generation": 1}
    assert od("search", "-q").out == "me/weather\n"


@pytest.mark.requirement("S1-60", "S1-61")
def test_programs_register_from_a_file(project: Path) -> None:
    od("init", "me/weather")
    fill_in(Path("producers/me/weather"))
    assert od("run", "me/weather", "--publish").code == 0
    registry = Registry.from_environment()
    registered = registry.register_from_file("producers/me/weather/opendata.yaml")
    assert (registered.id, registered.release) == ("me/weather", "1.0.0")
    assert [entry.id for entry in registry.load().datasets] == ["me/weather"]
    with pytest.raises(NotFound, match="is no producer"):
        registry.register_from_file("producers/me/no-such")


# --- keys -----------------------------------------------------------------------------


def test_a_key_is_made_once_and_kept(project: Path) -> None:
    first = od("key", "create")
    assert first.code == 0
    assert first.out.splitlines() == [
        f"export OPENDATA_SIGNING_KEY=file:{project}/.opendata/keys/signing.pem",
        f"export OPENDATA_TRUST={project}/.opendata/keys/trust.json",
    ]
    pem = (project / ".opendata" / "keys" / "signing.pem").read_bytes()
    again = od("key", "create", "--json").json
    assert again["created"] is False
    assert (project / ".opendata" / "keys" / "signing.pem").read_bytes() == pem
    assert b"PRIVATE" not in (project / ".opendata" / "keys" / "trust.json").read_bytes()


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("git@github.com:me/rain.git", "https://github.com/me/rain"),
        ("ssh://git@github.com/me/rain.git", "https://github.com/me/rain"),
        ("https://user:secret@github.com/me/rain.git", "https://github.com/me/rain"),
        ("https://github.com/me/rain", "https://github.com/me/rain"),
        ("/srv/git/rain.git", None),
        ("", None),
    ],
)
def test_a_git_remote_as_an_address_for_readers(remote: str, address: str | None) -> None:
    assert web_address(remote) == address
