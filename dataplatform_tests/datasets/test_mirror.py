"""Where a mirror keeps the answer to a URL."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dataplatform.datasets.mirror import mirror_path, mirror_spellings
from opendata.wire.errors import InvalidInput

TREASURY = (
    "https://home.treasury.gov/resource-center/data-chart-center/interest-rates/pages/xml"
    "?data=daily_treasury_yield_curve&field_tdr_date_value=2022"
)

part = st.text(min_size=1, max_size=20).filter(lambda text: text not in {".", ".."})
query = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"))


@st.composite
def urls(draw: st.DrawFn) -> str:
    """Web addresses of every kind, dot parts left out."""
    host = draw(st.sampled_from(["www.ecb.europa.eu", "localhost:8080", "[::1]:9000"]))
    path = "/".join(quote(text, safe="") for text in draw(st.lists(part, max_size=4)))
    asked = draw(query)
    return f"https://{host}/{path}" + (f"?{asked}" if asked else "")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (
            TREASURY,
            "home.treasury.gov/resource-center/data-chart-center/interest-rates/pages/"
            "xml%3Fdata%3Ddaily_treasury_yield_curve%26field_tdr_date_value%3D2022",
        ),
        (
            "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.zip",
            "www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.zip",
        ),
        ("https://Example.ORG:443/a#part", "example.org/a"),
        ("http://example.org:8080/a", "example.org%3A8080/a"),
        ("https://example.org", "example.org/%"),
        ("https://example.org/folder/", "example.org/folder/%"),
        ("https://example.org/?q=1", "example.org/%%3Fq%3D1"),
        ("https://example.org/a%20b/c:d", "example.org/a%20b/c%3Ad"),
        ("https://example.org/%7Euser", "example.org/~user"),
        ("https://example.org/x?path=a/b%2Fc", "example.org/x%3Fpath%3Da%2Fb%252Fc"),
    ],
)
def test_how_an_answer_is_named(url: str, path: str) -> None:
    assert mirror_path(url) == path


@given(urls())
def test_a_name_never_leads_out_of_the_mirror_and_is_a_file_name_everywhere(url: str) -> None:
    for name in mirror_path(url).split("/"):
        assert name not in {"", ".", ".."}
        assert len(name.encode()) <= 255
        assert not set(name) & set('\\:*?"<>|\x00')


@given(urls())
def test_host_path_and_query_can_be_read_back_from_the_name(url: str) -> None:
    assume("%~" not in mirror_path(url))
    parts = urlsplit(url)
    host, *names = mirror_path(url).split("/")
    last, _, asked = names[-1].partition("%3F") if parts.query else (names[-1], "", "")
    assert unquote(host) in {parts.netloc, parts.netloc.replace("[", "").replace("]", "")}
    path = "/".join("" if name == "%" else name for name in [*names[:-1], last])
    assume("?" not in unquote(parts.path))
    assert unquote(path) == unquote(parts.path.removeprefix("/"))
    assert unquote(asked) == parts.query


@given(urls(), urls())
def test_two_addresses_share_a_name_only_where_they_ask_for_the_same(one: str, two: str) -> None:
    def asked(url: str) -> tuple[str, list[str], str]:
        parts = urlsplit(url)
        return parts.netloc, [unquote(name) for name in parts.path.split("/")], parts.query

    assert (mirror_path(one) == mirror_path(two)) == (asked(one) == asked(two))


def test_the_scheme_does_not_matter() -> None:
    assert mirror_path("http://example.org/a") == mirror_path("https://example.org/a")


def test_a_name_too_long_for_a_file_is_cut_and_still_its_own() -> None:
    one, two = (mirror_path(f"https://example.org/x?q={'a' * 400}{end}") for end in "12")
    assert one != two
    assert all(len(name) <= 255 for name in one.split("/"))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/a",
        "example.org/a",
        "https:///a",
        "https://../a",
        "https://example.org/../a",
        "https://example.org/%2e%2e/a",
        "https://example.org/a/./b",
        "https://user:secret@example.org/a",
        "https://example.org:port/a",
    ],
)
def test_what_is_no_address_of_a_source_is_refused_with_its_reason(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        mirror_path(url)
    assert "secret" not in str(refused.value)


def test_a_folder_as_wget_leaves_it_is_understood_too() -> None:
    assert mirror_spellings(TREASURY)[1].endswith(
        "/xml?data=daily_treasury_yield_curve&field_tdr_date_value=2022"
    )
    assert mirror_spellings("https://example.org/a%20b/") == (
        "example.org/a%20b/%",
        "example.org/a b/index.html",
    )


def test_an_ordinary_address_has_one_spelling() -> None:
    assert mirror_spellings("https://example.org/a.csv") == ("example.org/a.csv",)


@given(urls())
def test_other_spellings_do_not_lead_out_of_the_mirror_either(url: str) -> None:
    for spelling in mirror_spellings(url):
        assert not {"", ".", ".."} & set(spelling.split("/"))
        assert "\x00" not in spelling
