"""`od key`: keys are made, listed, exchanged and revoked; releases are signed once more."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import opendata
from dataplatform.adapters.signing.ed25519 import create_key
from dataplatform.adapters.signing.trust_file import TrustFile
from dataplatform_tests.cli.shell import od
from opendata.wire.errors import Denied

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S4-48", "S4-73", "S4-74", "S4-75")]
KEYS = ".opendata/keys"


@pytest.fixture
def signing(project: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project whose key signs and whose trust file is set; returns the key's id."""
    answer = od("key", "create", "--json").json
    monkeypatch.setenv("OPENDATA_SIGNING_KEY", f"file:{answer['key']}")
    monkeypatch.setenv("OPENDATA_TRUST", answer["trust"])
    return str(answer["key_id"])


def pushed(*values: float) -> str:
    """The version under which these rows were published."""
    table = pa.table({"day": [str(n) for n in range(len(values))], "rate": list(values)})
    with warnings.catch_warnings(action="ignore"):  # that there is no store yet
        return str(opendata.push(table, "me/rates", license="CC0-1.0").version)


def listed() -> dict[str, dict[str, Any]]:
    return {each["key_id"]: each for each in od("key", "list", "--json").json["keys"]}


def test_a_second_key_joins_the_trust_file_and_drives_no_other_out(signing: str) -> None:
    second = od("key", "create", f"{KEYS}/second.pem", "--dataset", "me/*", "--json").json
    keys = listed()
    assert set(keys) == {signing, second["key_id"]}
    assert keys[signing]["signs"]
    assert keys[second["key_id"]]["datasets"] == ["me/*"]
    assert f"{signing[:12]}  in use" in od("key", "list").out


def test_a_trust_file_that_is_none_is_not_written_over(project: Path) -> None:
    (project / KEYS).mkdir(parents=True)
    trust = project / KEYS / "trust.json"
    trust.write_text("my notes")
    answer = od("key", "create")
    assert answer.code == 3
    assert trust.read_text() == "my notes"
    assert not (project / KEYS / "signing.pem").exists()


def test_rotating_keeps_what_was_signed_and_signs_with_the_new_key(
    signing: str, project: Path
) -> None:
    pushed(1)
    rotated = od("key", "rotate", "--json").json
    assert rotated["old"] == signing
    assert Path(rotated["aside"]).stat().st_mode & 0o777 == 0o600
    assert Path(rotated["key"]).stat().st_mode & 0o777 == 0o600
    assert pushed(1, 2) == "1.0.1"
    answer = od("verify", "me/rates", "--all", "--json")
    assert {each["trusted"] for each in answer.json} == {"signature"}
    signers = [each["signed_by"] for each in od("releases", "me/rates", "--json").json]
    assert signers == [rotated["new"], signing]
    keys = listed()
    assert keys[signing]["state"].startswith("rotated since 20")
    assert keys[rotated["new"]]["signs"]


def test_a_rehearsed_rotation_changes_nothing(signing: str, project: Path) -> None:
    before = {path.name: path.read_bytes() for path in (project / KEYS).iterdir()}
    answer = od("key", "rotate", "--dry-run")
    assert "would be moved" in answer.out
    assert {path.name: path.read_bytes() for path in (project / KEYS).iterdir()} == before


def test_rotation_is_told_to_the_trust_file_that_readers_use(
    signing: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, theirs = project / KEYS / "trust.json", project / "readers.json"
    before = beside.read_bytes()
    theirs.write_bytes(before)
    monkeypatch.setenv("OPENDATA_TRUST", str(theirs))
    rotated = od("key", "rotate", "--json").json
    assert rotated["trust"] == str(theirs)
    assert listed()[signing]["state"].startswith("rotated since 20")
    assert listed()[rotated["new"]]["signs"]
    assert beside.read_bytes() == before
    again = od("key", "rotate", "--trust", str(beside), "--json").json
    assert again["trust"] == str(beside)
    assert again["old"] == rotated["new"]


def test_a_named_trust_file_that_is_not_there_is_not_made_by_a_rotation(
    signing: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENDATA_TRUST", str(project / "typo.json"))
    answer = od("key", "rotate")
    assert answer.code == 4
    assert "there is no trust file" in answer.err
    assert not (project / "typo.json").exists()
    assert len(list((project / KEYS).glob("*.pem"))) == 1


def test_there_is_nothing_to_rotate_without_a_key_in_a_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert od("key", "rotate").code == 4
    monkeypatch.setenv("OPENDATA_SIGNING_KEY", "env:PEM")
    answer = od("key", "rotate")
    assert answer.code == 2
    assert "od key create PATH" in answer.err


def test_a_compromised_key_is_worth_nothing_until_another_has_signed(signing: str) -> None:
    pushed(1)
    od("key", "rotate")
    answer = od("key", "revoke", signing[:8], "--note", "laptop was stolen")
    assert answer.code == 0
    assert "nothing that it signed counts" in answer.out
    assert od("verify", "me/rates").code == 6
    with pytest.raises(Denied, match="compromised"):
        opendata.load("me/rates")
    refused = od("key", "countersign", "me/rates")
    assert refused.code == 3
    assert "--vouch" in refused.err
    assert od("key", "countersign", "me/rates", "--vouch", "-q").out == "me/rates@1.0.0\n"
    assert od("verify", "me/rates").code == 0
    assert opendata.load("me/rates", format="arrow").num_rows == 1
    assert pushed(1, 2) == "1.0.1"  # and publishing goes on from it


def test_a_revoked_key_signs_no_more(signing: str) -> None:
    od("key", "revoke", signing)
    with pytest.raises(Denied, match="is compromised, says the trust file"):
        pushed(1)
    assert "od key create" in od("doctor").out


def test_revoking_says_what_it_would_do_and_whom_it_means(signing: str, project: Path) -> None:
    before = (project / KEYS / "trust.json").read_bytes()
    assert (
        "would be rotated" in od("key", "revoke", signing, "--reason", "rotated", "--dry-run").out
    )
    for start in ("zz", ""):
        answer = od("key", "revoke", start)
        assert answer.code == 2
        assert "od key list" in answer.err
    assert od("key", "revoke", signing, "--at", "yesterday").code == 2
    assert (project / KEYS / "trust.json").read_bytes() == before


def test_everything_in_a_store_can_be_signed_once_more(signing: str) -> None:
    pushed(1)
    pushed(1, 2)
    od("key", "rotate")
    dry = od("key", "countersign", "--all", "--dry-run", "-q").out.split()
    assert dry == ["me/rates@1.0.1", "me/rates@1.0.0"]
    assert od("key", "countersign", "--all", "-q").out.split() == dry
    assert od("key", "countersign", "--all", "-q").out == ""
    # Now the old key may leave the file, and readers who never had it verify all the same.
    trust = Path(od("key", "list", "--json").json["trust"])
    document = json.loads(trust.read_text())
    del document["keys"][signing]
    trust.write_text(json.dumps(document))
    assert od("verify", "me/rates", "--all").code == 0


@pytest.mark.usefixtures("rates")
def test_countersigning_needs_a_key_and_a_name(project: Path) -> None:
    answer = od("key", "countersign", "me/rates")
    assert answer.code == 2
    assert "od key create" in answer.err


def test_who_reads_the_file_meets_the_old_one_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, signer = TrustFile(tmp_path / "trust.json"), create_key(tmp_path / "a.pem")
    file.add(signer.key_id, signer.public_entry(), {})
    before = file.path.read_bytes()

    def full(*args: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        file.add(signer.key_id, signer.public_entry(), {"datasets": ["me/*"]})
    assert file.path.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pem", "trust.json"]
