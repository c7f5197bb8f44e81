"""Tokens: what is kept of them, what they open, and the file that they lie in."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataplatform.api.token_file import WatchedTokens, change_tokens, read_tokens, token_path
from dataplatform.api.tokens import Grant, TokenCheck, TokenList, add_token, revoke_token
from opendata.wire.errors import Conflict, Corrupt, Denied, InvalidInput, NotFound, Unavailable

NOW = datetime(2026, 1, 31, 6, tzinfo=UTC)


def made(*names: str, **options: object) -> tuple[TokenList, dict[str, str]]:
    listed, secrets = TokenList(), {}
    for name in names:
        listed, secrets[name] = add_token(listed, name, now=NOW, **options)  # type: ignore[arg-type]
    return listed, secrets


@pytest.mark.requirement("S0-37")
def test_a_token_opens_what_it_was_made_for_and_only_its_digest_is_kept() -> None:
    listed, secrets = made("laptop", bundles=["foundational_*"])
    grant = TokenCheck(listed).grant_of(secrets["laptop"], NOW)
    assert grant == Grant("laptop", ("foundational_*",))
    assert grant.may_read("foundational_model") and not grant.may_read("other")
    assert secrets["laptop"].encode() not in listed.to_bytes()
    assert len(secrets["laptop"]) > 40


def test_what_is_no_token_opens_nothing() -> None:
    listed, secrets = made("laptop", "training")
    check = TokenCheck(listed)
    for wrong in ("", "x", secrets["laptop"][:-1], secrets["laptop"] + "x", "\ud800", "x" * 10_000):
        assert check.grant_of(wrong, NOW) is None
    assert TokenCheck(revoke_token(listed, "laptop")).grant_of(secrets["laptop"], NOW) is None


def test_a_token_ends_when_it_says() -> None:
    listed, secrets = made("guest", expires_at=NOW + timedelta(hours=1))
    check = TokenCheck(listed)
    assert check.grant_of(secrets["guest"], NOW + timedelta(minutes=59)) is not None
    assert check.grant_of(secrets["guest"], NOW + timedelta(hours=1)) is None


def test_names_are_told_apart_and_mistakes_get_a_hint() -> None:
    listed, _ = made("laptop")
    with pytest.raises(Conflict, match="laptop"):
        add_token(listed, "laptop", now=NOW)
    with pytest.raises(NotFound) as error:
        revoke_token(listed, "labtop")
    assert error.value.hint == "did you mean 'laptop'?"
    for name in ("", "a b", "x" * 65, "a\nb", "-a"):
        with pytest.raises(InvalidInput):
            add_token(listed, name, now=NOW)
    with pytest.raises(InvalidInput, match="past"):
        add_token(listed, "late", now=NOW, expires_at=NOW)


def test_the_file_is_private_and_changed_whole_by_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "tokens.json"

    def add(number: int) -> None:
        change_tokens(path, lambda listed: add_token(listed, f"t{number}", now=NOW)[0])

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.name for one in read_tokens(path).tokens} == {f"t{n}" for n in range(8)}
    assert path.stat().st_mode & 0o777 == 0o600
    assert not list(path.parent.glob("*.new"))


def test_a_file_that_others_may_write_lets_nobody_in(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    change_tokens(path, lambda listed: listed)
    path.chmod(0o666)
    with pytest.raises(Denied) as error:
        read_tokens(path)
    assert error.value.hint == f"chmod 600 {path}"


def test_what_is_no_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text("[]")
    path.chmod(0o600)
    with pytest.raises(Corrupt):
        WatchedTokens(path)
    with pytest.raises(NotFound):
        WatchedTokens(tmp_path / "none.json")
    for reference in ("tokens.json", "env:TOKENS", "file:"):
        with pytest.raises(InvalidInput):
            token_path(reference)


class Seconds:
    """A clock that stands still."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.mark.requirement("S0-37")
def test_a_running_service_sees_changes_and_lets_nobody_in_while_it_cannot_read(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "tokens.json", Seconds()
    listed, secrets = made("laptop")
    change_tokens(path, lambda _: listed)
    watched = WatchedTokens(path, clock)
    assert watched.grant_of(secrets["laptop"], NOW)
    change_tokens(path, lambda one: revoke_token(one, "laptop"))
    clock.at += 2
    assert watched.grant_of(secrets["laptop"], NOW) is None
    os.rename(path, tmp_path / "away.json")
    clock.at += 2
    with pytest.raises(Unavailable):
        watched.grant_of(secrets["laptop"], NOW)
    change_tokens(path, lambda _: listed)
    clock.at += 2
    assert watched.grant_of(secrets["laptop"], NOW)
