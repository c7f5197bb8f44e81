"""The OpenAPI document describes what the service does: whatever it allows is answered, whatever it
forbids is refused, and nothing is answered that it does not name."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from dataplatform.api.app import ServiceOptions, create_app
from dataplatform_tests.api.site import BASE_URL, CHANNEL, NAME, VERSION, Site
from dataplatform_tests.reading.file_index.lake import pictures

SECRET = b"a secret of both sides"
EXAMPLES = 12
WHAT_THERE_IS = {
    "version": VERSION,
    "revision": 1,
    "channel": CHANNEL,
    "start_time": "2025-06-01",
    "end_time": "2025-06-02T00:00:00Z",
}

QUIET = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def site() -> Site:
    site = Site()
    site.publish({CHANNEL: pictures(60, undated=3), "getopendata/world-airports": pictures(4)})
    return site


@pytest.fixture(scope="module")
def document(site: Site) -> dict[str, Any]:
    with site.serving() as client:
        return dict(client.get("/openapi.json").json())


def test_every_endpoint_is_described(document: dict[str, Any]) -> None:
    found = {(path, method) for path, one in document["paths"].items() for method in one}
    assert found == {
        ("/api/v1/bundles", "get"),
        ("/api/v1/bundles/{bundle_name}", "get"),
        ("/api/v1/bundles/{bundle_name}/files", "get"),
        ("/api/v1/bundles/{bundle_name}/signatures/{key_id}", "get"),
        ("/api/v1/bundles/{bundle_name}/stream", "get"),
        ("/api/v1/bundles/{bundle_name}/download", "get"),
        ("/api/v1/bundles/{bundle_name}/download", "post"),
        ("/api/v1/channels", "get"),
        ("/api/v1/channels/{channel}/v{version}", "get"),
        ("/api/v1/hooks/bundle", "post"),
        ("/healthz", "get"),
        ("/readyz", "get"),
        ("/openapi.json", "get"),
    }
    assert document["openapi"] == "3.1.0" and document["servers"] == [{"url": BASE_URL}]


def test_parameters_have_a_place_a_type_and_a_meaning(document: dict[str, Any]) -> None:
    operation = document["paths"]["/api/v1/bundles/{bundle_name}/files"]["get"]
    told = {one["name"]: one for one in operation["parameters"]}
    assert told["bundle_name"]["in"] == "path" and told["bundle_name"]["required"]
    assert told["limit"]["schema"] == {
        "type": "integer", "minimum": 1, "maximum": 10_000, "default": 1_000,
    }  # fmt: skip
    assert told["metadata"]["schema"]["type"] == "array" and told["metadata"]["explode"]
    assert all(one["description"] for one in told.values() if one["name"] != "compression")


def test_tokens_are_asked_for_where_the_service_asks(site: Site, document: dict[str, Any]) -> None:
    from dataplatform.api.tokens import TokenCheck, TokenList

    with site.serving(tokens=TokenCheck(TokenList())) as client:
        secured = client.get("/openapi.json").json()
    files = secured["paths"]["/api/v1/bundles/{bundle_name}/files"]["get"]
    assert files["security"] == [{"bearer": []}] and "401" in files["responses"]
    assert "security" not in secured["paths"]["/healthz"]["get"]
    assert "security" not in document["paths"]["/api/v1/bundles"]["get"]


@pytest.mark.requirement("S0-84")
@pytest.mark.parametrize(
    ("mode", "known"),
    [("positive", False), ("positive", True), ("negative", False)],
    ids=["what is allowed", "what there is", "what is forbidden"],
)
def test_the_service_keeps_to_its_description(site: Site, mode: str, known: bool) -> None:
    """Schemathesis asks what the document allows, and what it does not; no answer is a fault, and
    each has a status, a type and a shape that the document names."""
    import schemathesis
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    app = create_app(site, ServiceOptions(hosts=frozenset({"testserver"}), hook_secret=SECRET))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    statuses: Counter[int] = Counter()
    for found in schema.get_all_operations():
        operation = found.ok()

        @QUIET
        @given(case=operation.as_strategy(schemathesis.GenerationMode(mode)))
        def keeps(case: Any) -> None:
            if known:
                _name_what_there_is(case)
            # What a cursor is bound to, or that an interval ends after it starts, no schema says.
            answer = case.call_and_validate(excluded_checks=[positive_data_acceptance])
            statuses[answer.status_code] += 1

        if operation.path_parameters or (mode == "positive" and not known):
            keeps()
    assert statuses[200 if known else 400] > EXAMPLES, statuses


def _name_what_there_is(case: Any) -> None:
    is_channel = "{channel}" in case.operation.path
    case.path_parameters.update(
        {"channel": CHANNEL, "version": "1.2.0"} if is_channel else {"bundle_name": NAME}
    )
    for name, value in WHAT_THERE_IS.items():
        if name in case.query or (
            name == "channel" and case.path.endswith(("/files", "/download"))
        ):
            case.query[name] = value
    case.query.pop("cursor", None)
    if isinstance(case.body, dict) and "file_ids" in case.body:
        case.body = {**case.body, "file_ids": ["img_000003"], "channel": CHANNEL, "metadata": []}
        case.body |= {"start_time": None, "end_time": None}
