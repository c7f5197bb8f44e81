"""The verbs in Python read releases as `od.load` does: with a trust root, only signed ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import opendata
from dataplatform.adapters.signing.ed25519 import create_key
from dataplatform.cli.place import find_settings, trusted_release
from dataplatform_tests.cli.conftest import RATES
from opendata import releases
from opendata.stores import open_reader
from opendata.wire.errors import Denied

pytestmark = [
    pytest.mark.platform,
    pytest.mark.requirement("S4-48"),
    pytest.mark.filterwarnings("ignore:the release is unsigned:UserWarning"),
]


@pytest.fixture
def trust(rates: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Readers trust one key; `me/rates@1.0.0` is signed by none."""
    signer = create_key(project / "signing.pem")
    path = project / "trust.json"
    path.write_text(signer.trust_file())
    monkeypatch.setenv("OPENDATA_TRUST", str(path))
    return path


VERBS: dict[str, Callable[[], Any]] = {
    "a side of a diff": lambda: releases.diff_datasets(RATES, "me/rates", ["date", "currency"]),
    "a side of a patch": lambda: releases.patch_from_diff("me/rates", RATES, ["date", "currency"]),
    "a contract to add to": lambda: releases.register_field("me/rates", "note", "string"),
    "fields to bring rows to": lambda: releases.normalize_field(RATES, "me/rates"),
    "the matrix": lambda: releases.compatibility("me/rates"),
    "one reader": lambda: releases.compatibility("me/rates@1.0.0", reader="1.0"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_release_that_no_trusted_key_signed_is_refused(verb: str, trust: Path) -> None:
    with pytest.raises(Denied) as refused:
        VERBS[verb]()
    assert refused.value.code == "unsigned"


@pytest.mark.usefixtures("rates")
@pytest.mark.parametrize("verb", VERBS)
def test_without_a_trust_root_digests_are_enough(verb: str) -> None:
    assert VERBS[verb]() is not None


def test_what_a_trusted_key_signed_is_read(
    trust: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENDATA_SIGNING_KEY", f"file:{project / 'signing.pem'}")
    table = pa.table({"id": [1], "rate": [1.0]})
    opendata.push(table, "me/signed", license="CC0-1.0", contract={"primary_key": ["id"]})
    settings = find_settings()
    reader = open_reader(settings.store_url, environ=settings.environ)
    assert str(trusted_release(reader, "me/signed").version) == "1.0.0"
    assert releases.diff_datasets(table, "me/signed")["bump"] == "none"
    assert releases.compatibility("me/signed", reader="1.0")["matrix"]
