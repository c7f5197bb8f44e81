"""Reading an opendata.yaml: the documents' examples, and every mistake at its line and column."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.contracts.model import Shard
from dataplatform.datasets.definition import (
    definition_digest,
    definition_from_json,
    definition_to_json,
    platform_sections,
    registry_fields,
)
from dataplatform.datasets.parse import check_definition, parse_definition
from dataplatform.errors import InvalidDefinition, SourceFinding
from dataplatform_tests.datasets.documents import MINIMAL, PLATFORM, TREASURY
from opendata.wire.errors import InvalidInput
from opendata.wire.ids import parse_dataset_id


def errors(text: str, **options: str) -> list[SourceFinding]:
    checked = check_definition(text, "opendata.yaml", **options)
    assert (checked.definition is None) == bool(checked.errors)
    return list(checked.errors)


def told(text: str) -> dict[str, str | None]:
    return {str(one).removeprefix("opendata.yaml:"): one.hint for one in errors(text)}


@pytest.mark.requirement("S1-28", "S1-29", "S1-30", "S1-31", "S1-32", "S1-33", "S1-34", "S1-44")
def test_the_registrys_own_example_is_valid() -> None:
    definition = parse_definition(TREASURY, "opendata.yaml")
    assert str(definition.id) == "getopendata/treasury-yield-curve-daily"
    assert definition.title == "US Treasury Yield Curve (Daily)"
    assert definition.license == "Public Domain"
    assert definition.repo == "https://github.com/<org>/<repo>"


@pytest.mark.requirement(
    "S1-35", "S1-36", "S1-37", "S1-38", "S1-39", "S1-40", "S1-42", "S1-43", "S1-44"
)
def test_the_examples_recommended_fields_are_read() -> None:
    definition = parse_definition(TREASURY, "opendata.yaml")
    assert definition.source.provider == "us_treasury"
    assert definition.source.homepage == "https://home.treasury.gov/"
    assert str(definition.source.dataset).endswith("/interest-rates")
    assert definition.topics == ("rates", "macro")
    assert definition.geo is not None
    assert (definition.geo.scope, definition.geo.countries) == ("country", ("US",))
    assert definition.owners == ("<github_handle>",)
    assert definition.frequency == "daily"


def test_the_platforms_own_sections_are_read() -> None:
    definition = parse_definition(TREASURY + PLATFORM, "opendata.yaml")
    assert definition.schedule is not None
    assert definition.schedule.cron == "0 6 * * 1-5"
    assert definition.timeout == timedelta(minutes=30)
    assert definition.inputs == (parse_dataset_id("ns/other"),)
    assert definition.contract is not None
    assert definition.contract.primary_key == ("date",)
    assert [rule.label for rule in definition.quality] == [
        "completeness(y10)",
        "expect_column_mean_to_be_between(y10)",
    ]
    assert definition.release.shard is Shard.MONTH


def test_where_partitions_begin_and_how_many_a_schedule_asks_for_are_read() -> None:
    text = """\
time: day
schedule: {cron: "0 6 * * *", window: 3}
release: {shard: month, since: 2022-01-15}
"""
    definition = parse_definition(MINIMAL + text, "opendata.yaml")
    assert definition.release.since == date(2022, 1, 15)
    assert definition.schedule is not None
    assert definition.schedule.window == 3
    assert definition_from_json(definition_to_json(definition)) == definition


def test_a_data_set_with_inputs_has_no_partitions_that_a_window_could_count() -> None:
    text = "time: day\ninputs: [ns/x]\nschedule: {window: 3}\nrelease: {shard: month}\n"
    [finding] = errors(MINIMAL + text)
    assert finding.message.startswith("a data set with inputs has no partitions")


@pytest.mark.requirement("S1-38", "S1-41")
def test_only_the_required_fields_are_required() -> None:
    definition = parse_definition(MINIMAL + "geo: {regions: ['150', EMEA]}\n", "opendata.yaml")
    assert (definition.topics, definition.owners, definition.frequency) == ((), (), None)
    assert definition.geo is not None
    assert definition.geo.regions == ("150", "EMEA")


@pytest.mark.requirement("S1-29", "S1-30", "S1-31", "S1-32", "S1-33", "S1-34", "S1-35")
@pytest.mark.parametrize("field", ["id", "title", "description", "license", "repo", "source"])
def test_each_required_field_is_missed(field: str) -> None:
    text = "\n".join(line for line in MINIMAL.splitlines() if not line.startswith(f"{field}:"))
    [finding] = errors(text)
    assert finding.message == f"`{field}` is missing"


def test_a_provider_belongs_to_a_source() -> None:
    assert list(told(MINIMAL.replace("{provider: p}", "{}"))) == ["6:9: `provider` is missing"]


@pytest.mark.parametrize(
    ("line", "place_and_message", "hint"),
    [
        ("zzz: x", "7:1: unknown key `zzz`", "known here: id, title"),
        ("topcs: [x]", "7:1: unknown key `topcs`", "did you mean `topics`?"),
        ("tags: [x]", "7:1: unknown key `tags`", "did you mean `topics`?"),
        ("cron: '0 6 * * *'", "7:1: unknown key `cron`", "did you mean `schedule`?"),
        ("release: {frezze: soft}", "7:11: unknown key `frezze`", "did you mean `freeze`?"),
        ("release: {since: 2022-13-01}", "7:18: '2022-13-01' is no day", None),
        ("release: {since: 22}", "7:18: '22' is no day since the year 1000", None),
        ("release: {since: 2022-01-01}", "7:18: partitions are cut as shards are", None),
        ("schedule: {window: 3}", "7:20: a window counts partitions", None),
        ("schedule: {window: 0}", "7:20: 0 is not at least 1", None),
        ("schedule: {window: 401}", "7:20: 401 is not at most 400", None),
        ("topics: rates", "7:9: a list is expected here, not one text", "write [rates]"),
        ("topics:", "7:8: this key has no value; a list is expected here", "leave the key out"),
        ("topics: [3]", "7:10: 3 is a number in YAML, and text is expected here", '"3"'),
        ("topics: ['']", "7:10: this is empty", None),
        ('owners: ["a\\nb"]', "7:10: line breaks and control characters", None),
        ("geo: country", "7:6: a mapping (key: value) is expected here", None),
        ("geo: {scope: world}", "7:14: 'world' is not among global, region", "write one of"),
        ("geo: {countries: [NO]}", "7:19: NO is a boolean to some", 'put it in quotes: "NO"'),
        ("geo: {countries: [SE, no]}", "7:23: no is a boolean to some", '"no"'),
        ("frequency: dayly", "7:12: 'dayly' is not among", "did you mean 'daily'?"),
        ("frequency: yearly", "7:12: 'yearly' is not among hourly, daily", "write one of"),
        ("schedule: 6 o'clock", "7:11: \"6 o'clock\" is no cron", None),
        ("schedule: {cron: '0 0 30 2 *'}", "7:18: '0 0 30 2 *' is no cron", None),
        ("schedule: {enabled: maybe}", "7:21: true or false is expected here", None),
        ("timeout: 30", "7:10: 30 is no duration", None),
        ("timeout: 0s", "7:10: a timeout of no time", None),
        ("inputs: [a/b]", "7:10: a data set cannot be its own input", None),
        ("inputs: [c/d, c/d]", "7:15: 'c/d' stands here twice", None),
        ("inputs: [C/d]", "7:10: 'C' in 'C/d' is not allowed", None),
        ("secrets: [A-B]", "7:11: 'A-B' is no name", None),
        ("secrets: [OPENDATA_SIGNING_KEY]", "7:11: 'OPENDATA_SIGNING_KEY' belongs", None),
        ("secrets: [aws_secret_access_key]", "7:11: 'aws_secret_access_key' belongs", None),
        ("secrets: [LD_PRELOAD]", "7:11: 'LD_PRELOAD' belongs", None),
        ("time: x\ncontract: {fields: [{name: d, type: date32}]}", "7:7: 'x' is none of", None),
        ("time: d\ncontract: {fields: [{name: d, type: string}]}", "7:7: 'd' is string; a", None),
        ("release: {shard: month}", "7:18: shards are cut along the time column", None),
        ("release: {shard: week}", "7:18: 'week' is not among none, year", None),
        ("release: {version: 1.10}", "7:20: 1.10 is a number in YAML, and text", '"1.10"'),
        ("release: {version: '1.10'}", "7:20: '1.10' is no version", None),
        ("release: {observation: 1y}", "7:24: '1y' is no duration", None),
        ("contract: {primary_key: date}", "7:25: a list is expected here", "write [date]"),
        ("contract: {fields: [{name: a, type: datee}]}", "7:37: 'datee' is no type; did you", None),
        ("contract: {fields: [{name: a}]}", "7:21: `type` is missing", None),
        ("contract: {fields: [{name: a, type: int8, unt: m}]}", "7:43: unknown key `unt`", "unit"),
        ("contract: {rules: [{kind: rnge}]}", "7:27: 'rnge' is no kind of rule", "'range'"),
        ("contract: {rules: [{field: a}]}", "7:20: `kind` is missing", None),
        ("contract: {rules: [range]}", "7:20: a mapping (key: value) is expected", None),
        ("contract: {rules: [{kind: range, field: a, mn: 3}]}", "7:44: unknown key `mn`", "`min`"),
        ("contract: {rules: [{kind: dim_check}]}", "7:20: dim_check is of one `field`", None),
        ("contract: {rules: [{kind: dim_check, expression: a b, equals: m}]}", "7:50: 'a b'", None),
        ("contract: {rules: [{kind: arrivaltime_dualform}]}", "7:20: a tolerance has to be", None),
        ("contract: {rules: [{kind: arrivaltime_dualform, tol_Tarr: .nan}]}", "7:59: .nan", None),
        ("contract: {rules: [{kind: monotonic, field: a, action: quarantine}]}", "7:56: mo", None),
        ("contract: {rules: [{kind: not_null, field: a, action: drop}]}", "7:55: 'drop' is", None),
        ("contract: {rules: [{kind: not_null, field: a, quarantine_max: 1}]}", "7:63: `quar", None),
        ("contract: {rules: [{kind: referential, field: a}]}", "7:20: `references` is", None),
        (
            "contract: {rules: [{kind: referential, field: a, references: "
            "{dataset: c/d, fields: [b], releese: 1.0.0}}]}",
            "7:90: unknown key `releese`",
            "did you mean `release`?",
        ),
        (
            "contract: {rules: [{kind: referential, field: a, references: "
            "{dataset: a/b, fields: [a]}}]}",
            "7:72: a release cannot refer to itself",
            None,
        ),
        ("contract: {rules: [{kind: regex, field: a, pattern: '('}]}", "7:53: this is no", None),
        ("contract: {rules: [{kind: enum_set, field: a, values: [NO]}]}", "7:56: NO is", "NO"),
        ("quality: [{metric: fulness, min: 1}]", "7:20: 'fulness' is not among", None),
        ("quality: [{metric: volume, mn: 1}]", "7:28: unknown key `mn`", "`min`"),
        ("quality: [{metric: volume}]", "7:11: volume needs `min`", None),
        ("quality: [{expectation: mean}]", "7:25: 'mean' is no expectation", None),
        ("quality: [{metric: freshness, max_age: 3d}]", "7:11: freshness is measured of the", None),
        ("quality: [3]", "7:11: a mapping (key: value) is expected", None),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_its_place_with_what_to_do(
    line: str, place_and_message: str, hint: str | None
) -> None:
    [(message, given_hint)] = told(f"{MINIMAL}{line}\n").items()
    assert message.startswith(place_and_message)
    if hint is not None:
        assert hint in (given_hint or "")


def test_a_misspelled_required_key_is_told_with_its_meaning() -> None:
    found = told(MINIMAL.replace("title:", "titel:"))
    assert found == {
        "1:1: `title` is missing": "add `title: …`",
        "2:1: unknown key `titel`": "did you mean `title`?",
    }


@pytest.mark.parametrize(
    "rule",
    [
        "{metric: completeness, field: y11, min: 1}",
        "{metric: uniqueness, fields: [y10, y11], min: 1}",
        "{expectation: expect_column_max_to_be_between, column: y11}",
        "{expectation: expect_compound_columns_to_be_unique, column_list: [y10, y11]}",
    ],
)
def test_quality_rules_name_fields_of_the_contract(rule: str) -> None:
    text = MINIMAL + f"contract: {{fields: [{{name: y10, type: int8}}]}}\nquality:\n  - {rule}\n"
    [finding] = errors(text)
    assert finding.message == "'y11' is none of the contract's fields; did you mean 'y10'?"
    assert (finding.line, finding.column) == (9, 5 + rule.index("y11"))


def test_a_text_has_no_mean_to_drift() -> None:
    text = MINIMAL + "contract: {fields: [{name: c, type: string}]}\n"
    rule = "quality: [{metric: drift, field: c, max: 0.1%s}]\n"
    assert "has no mean" in errors(text + rule % "")[0].message
    assert not errors(text + rule % ", of: distinct")


def test_every_mistake_is_told_at_once_and_in_order() -> None:
    text = MINIMAL.replace("MIT", "3") + "topics: x\nschedule: x\nfoo: 1\n"
    found = errors(text)
    assert [one.line for one in found] == [4, 7, 8, 9]


def test_booleans_may_be_written_as_words_where_nothing_else_fits() -> None:
    text = MINIMAL + (
        "schedule: {cron: '0 0 * * *', enabled: no}\n"
        "contract: {fields: [{name: a, type: int8, nullable: off}]}\n"
    )
    definition = parse_definition(text, "opendata.yaml")
    assert definition.schedule is not None
    assert not definition.schedule.enabled


@pytest.mark.requirement("S1-53")
@pytest.mark.parametrize(
    "written",
    ["A/b", "a/../b", "a/..", "ａ/b", "а/b", "a/b'; drop table x", "a", "a/b/c", "a_b/c"],
)
def test_an_id_outside_the_grammar_is_refused(written: str) -> None:
    [finding] = errors(MINIMAL.replace("id: a/b", f'id: "{written}"'))
    assert (finding.line, finding.column) == (1, 5)


def test_the_id_has_to_be_the_folders() -> None:
    assert not errors(MINIMAL, expected_id="a/b")
    [finding] = errors(MINIMAL, expected_id="a/c")
    assert (finding.line, finding.hint) == (1, "id: a/c")


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "https://a b", "file:///"]
)
@pytest.mark.parametrize("field", ["repo", "homepage", "dataset"])
def test_an_address_that_could_run_or_read_something_is_refused(field: str, link: str) -> None:
    if field == "repo":
        text = MINIMAL.replace("repo: https://example.org/repo", f'repo: "{link}"')
    else:
        text = MINIMAL.replace("{provider: p}", f'{{provider: p, {field}: "{link}"}}')
    assert len(errors(text)) == 1


@pytest.mark.parametrize("text", ["", "# nothing", "- a", "just words", "3"])
def test_a_file_that_is_no_mapping_is_told_as_such(text: str) -> None:
    [finding] = errors(text)
    assert "has to be a mapping" in finding.message


def test_the_error_carries_all_findings_for_people_and_programs() -> None:
    with pytest.raises(InvalidDefinition) as refused:
        parse_definition(MINIMAL + "foo: 1\ntopics: x\n", "producers/a/b/opendata.yaml")
    assert refused.value.exit_code == 2
    assert refused.value.message.splitlines() == [
        "producers/a/b/opendata.yaml:7:1: unknown key `foo`",
        "producers/a/b/opendata.yaml:8:9: a list is expected here, not one text",
    ]
    assert refused.value.details["findings"][1]["hint"] == "write [x]"


@pytest.mark.requirement("B9")
def test_a_definition_survives_being_stored() -> None:
    definition = parse_definition(TREASURY + PLATFORM, "opendata.yaml")
    document = definition_to_json(definition)
    assert definition_from_json(document) == definition
    assert registry_fields(definition) | platform_sections(definition) == document
    assert "contract" not in registry_fields(definition)
    with pytest.raises(InvalidInput):
        definition_from_json({"id": "a/b"})


@pytest.mark.requirement("B9")
def test_the_digest_follows_the_meaning_and_not_the_spelling() -> None:
    def digest(text: str) -> str:
        return definition_digest(parse_definition(text, "opendata.yaml"))

    lines = MINIMAL.splitlines()
    assert digest(MINIMAL) == digest("# a comment\n" + "\n".join(reversed(lines)))
    assert digest(MINIMAL + "timeout: 90m") == digest(MINIMAL + "timeout: 1h30m")
    assert digest(MINIMAL) != digest(MINIMAL.replace("MIT", "Apache-2.0"))


@given(st.text("abc:[]{}-&*!'\"# \n,/", max_size=80))
def test_a_damaged_definition_is_read_or_told_about(damage: str) -> None:
    for text in (damage, MINIMAL + damage, MINIMAL + "contract: " + damage):
        checked = check_definition(text, "opendata.yaml")
        assert (checked.definition is None) == bool(checked.errors)


VALUES = st.recursive(
    st.sampled_from(["1", "x", "null", "true", "'2024-01-01'", "1.5", "[]", "{}", "NO"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(
            st.sampled_from(["kind", "field", "fields", "name", "type", "metric", "min", "x"]),
            inner,
            max_size=4,
        ).map(lambda items: "{" + ", ".join(f"{k}: {v}" for k, v in items.items()) + "}"),
    ),
    max_leaves=10,
)
SECTIONS = st.sampled_from(
    ["contract", "quality", "release", "geo", "source", "schedule", "topics", "inputs", "time",
     "timeout", "secrets", "title", "id", "frequency"]
)  # fmt: skip


@given(SECTIONS, VALUES)
def test_any_value_in_any_section_is_read_or_told_about(section: str, value: str) -> None:
    lines = [line for line in MINIMAL.splitlines() if not line.startswith(f"{section}:")]
    checked = check_definition("\n".join([*lines, f"{section}: {value}"]), "opendata.yaml")
    assert (checked.definition is None) == bool(checked.errors)
    assert all(finding.message for finding in checked.errors)


COORDINATES = """\
time: day
contract:
  fields:
    - {name: day, type: date32}
    - {name: country, type: string}
    - {name: share, type: float64}
    - {name: lon, type: float64}
    - {name: lat, type: float64}
  crs: {code: EPSG:4326, x: lon, y: lat}
release:
  indexes: [country, [country, day]]
  index_window: 2
"""


@pytest.mark.requirement("S4-18", "S4-26", "S4-64")
def test_indexes_and_the_reference_system_are_read() -> None:
    definition = parse_definition(MINIMAL + COORDINATES, "opendata.yaml")
    assert definition.release.indexes == (("country",), ("country", "day"))
    assert definition.release.index_window == 2
    assert definition.contract is not None
    assert definition.contract.crs is not None
    assert definition.contract.crs.columns == ("lon", "lat")
    assert definition_from_json(definition_to_json(definition)) == definition


@pytest.mark.requirement("S4-18", "S4-26")
@pytest.mark.parametrize(
    ("right", "wrong", "line", "sentence"),
    [
        ("[country, [country, day]]", "[county]", 11, "'county' is none of the contract's fields"),
        ("[country, [country, day]]", "[[day, share]]", 11, "nobody looks up by float64"),
        ("[country, [country, day]]", "[country, [country]]", 11, "stands here twice"),
        ("[country, [country, day]]", "[[day, day]]", 11, "'day' is in the index twice"),
        ("[country, [country, day]]", "[[]]", 11, ""),
        ("index_window: 2", "index_window: -1", 12, ""),
        ("EPSG:4326", "WGS84", 9, "write EPSG:4326"),
        ("x: lon", "x: long", 9, "did you mean 'lon'"),
        ("x: lon", "east: lon", 9, ""),
        ("y: lat", "y: country", 9, "a coordinate is a number; 'country' is string"),
    ],
)
def test_what_is_wrong_with_them_is_told_at_its_place(
    right: str, wrong: str, line: int, sentence: str
) -> None:
    text = MINIMAL + COORDINATES
    assert right in text
    found = errors(text.replace(right, wrong))
    assert found
    assert found[0].line == line + MINIMAL.count("\n")
    assert sentence in str(found[0])
