"""`od serve` as it is typed: tokens are made, shown once, listed and ended; mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform_tests.cli.shell import od
from opendata.wire import keys
from opendata.wire.catalogue import Catalogue
from opendata.wire.errors import Conflict, Denied, InvalidInput, NotFound


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an empty store."""
    store = tmp_path / ".opendata" / "store"
    store.mkdir(parents=True)
    (store / keys.INDEX).write_bytes(Catalogue(generated_at="2026-01-31T06:00:00Z").to_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.requirement("S0-37")
def test_a_token_is_shown_once(folder: Path) -> None:
    made = od(
        "serve", "token", "add", "training", "--bundle", "found*", "--expires", "90d", "--json"
    )
    told = made.json
    path = folder / ".opendata" / "tokens.json"
    assert told["file"] == str(path) and told["bundles"] == ["found*"]
    assert told["token"] not in path.read_text()
    listed = od("serve", "token", "list", "--json").json["tokens"]
    assert [(one["name"], one["state"]) for one in listed] == [("training", "good")]
    assert listed[0]["expires_at"] == told["expires_at"]
    assert od("serve", "token", "list", "--quiet").out == "training\n"
    assert "training" in od("serve", "token", "revoke", "training").out
    assert od("serve", "token", "list", "--json").json["tokens"] == []


@pytest.mark.usefixtures("folder")
def test_what_is_typed_wrong_is_told() -> None:
    nowhere = od("serve", "token", "list")
    assert nowhere.code == InvalidInput.exit_code and "OPENDATA_API_TOKENS" in nowhere.err
    assert od("serve", "token", "add", "laptop").code == 0
    assert od("serve", "token", "add", "laptop").code == Conflict.exit_code
    missing = od("serve", "token", "revoke", "labtop")
    assert missing.code == NotFound.exit_code and "did you mean 'laptop'?" in missing.err
    late = od("serve", "token", "add", "guest", "--expires", "soon")
    assert late.code == InvalidInput.exit_code and "--expires" in late.err


@pytest.mark.usefixtures("folder")
def test_nobody_is_let_in_from_elsewhere_without_a_token() -> None:
    refused = od("serve", "--host", "0.0.0.0", "--port", "0")
    assert refused.code == Denied.exit_code and "od serve token add" in refused.err


def test_there_has_to_be_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert od("serve", "--port", "0").code == NotFound.exit_code
