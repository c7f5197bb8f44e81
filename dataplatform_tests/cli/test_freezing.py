"""`od freeze`, `od rollback`, `od yank`, and what readers are told afterwards."""

from __future__ import annotations

import warnings
from pathlib import Path

import pyarrow as pa
import pytest

import opendata
from dataplatform_tests.cli.conftest import RATES
from dataplatform_tests.cli.shell import od
from opendata import releases
from opendata.wire.errors import InvalidInput, NotFound, Rejected

pytestmark = [
    pytest.mark.platform,
    pytest.mark.requirement("S4-49", "S4-53", "S4-54", "S4-55", "B2"),
    pytest.mark.filterwarnings("ignore:the release is unsigned:UserWarning"),
]


def priced(second: float) -> pa.Table:
    return RATES.set_column(2, "rate", pa.array([1.09, second, None]))


@pytest.fixture
def three_releases(rates: str) -> str:
    """1.0.0 and two corrections of it."""
    for patch, second in ((1, 1.20), (2, 1.30)):
        assert opendata.push(priced(second), rates).version == f"1.0.{patch}"
    return rates


def states(dataset: str) -> dict[str, tuple[str, str]]:
    return {one["release"]: (one["state"], one["freeze"]) for one in od("releases", dataset,
                                                                       "--json").json}  # fmt: skip


# --- freeze ----------------------------------------------------------------------------


@pytest.mark.requirement("S4-76", "S4-77", "S4-78")
def test_a_release_tells_how_it_is_frozen(rates: str) -> None:
    facts = od("info", rates, "--json").json["freeze"]
    assert (facts["tag"], facts["mode"], facts["state"]) == ("1.0.0", "soft", "soft")
    assert facts["immutable"] is True
    assert facts["frozen_at"] < facts["observation_until"] == facts["until"]
    assert facts["yanked"] is None
    shown = od("info", rates).out
    assert f"soft, until {facts['until']}" in shown
    listed = od("freeze", rates)
    assert listed.code == 0
    assert "current" in listed.out and "soft" in listed.out


@pytest.mark.parametrize("words", [["me/rates@1.0.0"], ["me/rates", "1.0.0"]])
def test_a_release_is_made_hard_and_its_line_is_closed(rates: str, words: list[str]) -> None:
    ahead = od("freeze", *words, "--hard", "--dry-run")
    assert "would be hard from now on" in ahead.out
    assert states(rates) == {"1.0.0": ("current", "soft")}
    answer = od("freeze", *words, "--hard", "--reason", "cited in a paper", "--json")
    assert answer.code == 0, answer.err
    assert (answer.json["after"]["cause"], answer.json["wrote"]) == ("early", True)
    assert states(rates) == {"1.0.0": ("current", "hard")}
    again = od("freeze", *words, "--hard")
    assert again.code == 0
    assert "already" in again.out
    assert "its line 1.0 is closed" in again.err
    assert opendata.push(priced(1.2), rates).version == "1.1.0"


def test_a_declared_hard_freeze_gives_each_release_a_line(project: Path) -> None:
    about = {"license": "MIT", "release": {"freeze": "hard"}, "contract": {"primary_key": ["n"]}}
    for value, version in ((1, "1.0.0"), (2, "1.1.0"), (3, "1.2.0")):
        table = pa.table({"n": [1, 2], "x": [value, value]})
        assert opendata.push(table, "me/n", **about).version == version
    with pytest.raises(Rejected) as refused:
        opendata.push(
            pa.table({"n": [1, 2], "x": [9, 9]}), "me/n", **about
            | {"release": {"freeze": "hard", "version": "1.2.1"}},
        )  # fmt: skip
    assert refused.value.code == "line_closed"
    assert "1.3.0" in (refused.value.hint or "")


def test_what_is_due_is_looked_for_in_all_data_sets(rates: str) -> None:
    opendata.push(RATES, "me/other", license="MIT", release={"freeze": "hard"})
    opendata.push(RATES, "me/quick", license="MIT", release={"observation": "0s"})
    ahead = od("freeze", "--due", "--dry-run", "--json").json
    assert (ahead["datasets"], ahead["hard"]) == (3, ["me/other@1.0.0", "me/quick@1.0.0"])
    assert od("freeze", "--due", "-q").out.split() == ["me/other@1.0.0", "me/quick@1.0.0"]
    assert "nothing is due" in od("freeze", "--due").out
    assert "nothing is due" in od("freeze", "me/other", "--due").out


def test_what_is_due_is_marked_although_another_data_set_is_damaged(
    rates: str, project: Path
) -> None:
    opendata.push(RATES, "me/other", license="MIT", release={"freeze": "hard"})
    manifest = project / ".opendata/store/datasets" / rates / "releases/1.0.0.json"
    manifest.chmod(0o644)
    manifest.write_text("{}")
    answer = od("freeze", "--due", "--json")
    assert answer.code == 6
    assert answer.json["hard"] == ["me/other@1.0.0"]
    assert f"datasets/{rates}/releases/1.0.0.json" in answer.json["problems"][0]["message"]
    assert "warning:" in answer.err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "of which data set?"),
        (["--hard"], 2, "which release?"),
        (["me/rates", "--hard"], 2, "od freeze --hard me/rates@VERSION"),
        (["me/rates@1.0.0", "1.0.0", "--hard"], 2, "name one of them"),
        (["me/rates", "--hard", "--due"], 2, "exclude each other"),
        (["me/rates", "--reason", "x"], 2, "--reason goes with --hard"),
        (["me/rates@1.0.0", "--due"], 2, "leave @VERSION out"),
        (["me/rates@7.0.0", "--hard"], 4, "7.0.0"),
        (["me/rates@7.0.0"], 4, "od releases me/rates"),
        (["me/rats"], 4, "did you mean 'me/rates'?"),
    ],
)
def test_a_freeze_that_cannot_be_meant_says_how_to_type_it(
    rates: str, words: list[str], code: int, told: str
) -> None:
    answer = od("freeze", *words)
    assert answer.code == code, answer.err
    assert told in answer.err


def test_the_verb_freezes_a_draft_or_makes_a_release_hard(rates: str) -> None:
    draft = releases.draft(priced(1.2), rates)
    frozen = releases.freeze_release(draft, "1.0.1")
    assert (frozen.version, frozen.resumed) == ("1.0.1", False)
    hard = releases.freeze_release(rates, "1.0.0", reason="cited in a paper")
    assert hard.version == "1.0.0"
    assert releases.freeze_release(f"{rates}@1.0.0").version == "1.0.0"
    with pytest.raises(Rejected) as refused:
        releases.publish_release(frozen)
    assert refused.value.code == "line_closed"
    with pytest.raises(InvalidInput, match="which release"):
        releases.freeze_release(rates)


# --- rollback and yank -------------------------------------------------------------------


def test_a_rollback_withdraws_what_came_after_and_says_who_used_it(three_releases: str) -> None:
    words = ("rollback", three_releases, "--to", "1.0.0", "--reason", "June is there twice")
    ahead = od(*words, "--dry-run")
    assert "would be withdrawn: 1.0.1, 1.0.2" in ahead.out
    assert "no published data set was made of it" in ahead.out
    answer = od(*words, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["yanked"] == ["1.0.1", "1.0.2"]
    assert (answer.json["used_by"], answer.json["unread"]) == ([], [])
    assert {release: state for release, (state, _) in states(three_releases).items()} == {
        "1.0.2": "yanked", "1.0.1": "yanked", "1.0.0": "current",
    }  # fmt: skip
    listed = od("releases", three_releases)
    assert "1.0.2 was withdrawn" in listed.err
    assert "June is there twice; readers were sent to 1.0.0" in listed.err


@pytest.mark.parametrize("words", [["load"], ["preview"], ["info"]])
def test_whoever_asks_for_a_withdrawn_release_is_warned(
    three_releases: str, words: list[str]
) -> None:
    assert releases.rollback(three_releases, "1.0.0", "wrong")["yanked"] == ["1.0.1", "1.0.2"]
    answer = od(*words, f"{three_releases}@1.0.2")
    assert answer.code == 0, answer.err
    assert answer.err.count("warning: me/rates@1.0.2 was withdrawn") == 1
    assert "withdrawn" not in od(*words, three_releases).err


def test_python_warns_as_well_and_reads_on(three_releases: str) -> None:
    releases.rollback(three_releases, "1.0.0")
    with pytest.warns(UserWarning, match=r"me/rates@1\.0\.2 was withdrawn"):
        frame = opendata.load(f"{three_releases}@1.0.2")
    assert frame["rate"].tolist()[1] == 1.3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert opendata.load(three_releases)["rate"].tolist()[1] == 1.1


def test_a_release_is_withdrawn_by_hand_and_offered_again(three_releases: str) -> None:
    reference = f"{three_releases}@1.0.1"
    assert "would be withdrawn" in od("yank", reference, "--dry-run").out
    told = od("yank", reference, "--reason", "wrong unit", "--json").json
    assert (told["changed"], told["yanked"], told["reason"]) == (True, True, "wrong unit")
    assert "is withdrawn already" in od("yank", reference).out
    assert states(three_releases)["1.0.1"][0] == "yanked"
    assert "is offered again" in od("yank", reference, "--undo").out
    assert states(three_releases)["1.0.1"][0] == "published"
    assert releases.yank(reference) is True
    assert releases.yank(reference) is False
    assert releases.yank(reference, undo=True) is True
    with pytest.raises(NotFound):
        releases.yank(f"{three_releases}@9.0.0")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["me/rates@1.0.2"], 6, "od rollback me/rates --to VERSION"),
        (["me/rates"], 2, "od yank me/rates@VERSION"),
        (["me/rates@9.0.0"], 4, "od releases me/rates"),
        (["me/rats@1.0.0"], 4, "did you mean 'me/rates'?"),
        (["me/rates@1.0.0", "--reason", "x" * 1001], 2, "at most 1000 characters"),
    ],
)
def test_a_yank_that_cannot_be_meant_says_why(
    three_releases: str, words: list[str], code: int, told: str
) -> None:
    answer = od("yank", *words)
    assert answer.code == code, answer.err
    assert told in answer.err
