"""The OpenAPI document, derived from the declarations of the endpoints and from nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from dataplatform.api.endpoint import JSON, Endpoint, Response
from dataplatform.api.failures import Failure

SECURITY: Final = "bearer"
_REFERENCE: Final = "#/components/schemas/{name}"
_IN_PATH: Final = re.compile(r"{(\w+)}")
_FAILURES: Final = {
    400: "What was asked cannot be understood; `code` says why, `hint` what was probably meant.",
    401: "No token, or none that is good.",
    403: "The token does not open this.",
    404: "There is no such thing; `hint` names the nearest that there is.",
    405: "This address does not answer that method.",
    409: "What was asked for has changed since.",
    413: "The body is too long.",
    415: "The body is no JSON.",
    422: "Stored bytes are not what their digest promises.",
    503: "Try again after `Retry-After` seconds.",
}
_ALWAYS: Final = (400, 405, 503)
_REQUEST_ID: Final = {
    "X-Request-Id": {
        "description": "The request's id, as the service's log has it; sent ids are taken over.",
        "schema": {"type": "string"},
    }
}


def describe_api(
    endpoints: Sequence[Endpoint], *, version: str, server: str, secured: bool
) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these endpoints."""
    models = _models(endpoints)
    schemas, components = msgspec.json.schema_components(models, ref_template=_REFERENCE)
    schema_of = {_key(model): schema for model, schema in zip(models, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for one in endpoints:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(
            one, schema_of, components, secured=secured
        )
    used = {endpoint.parameters.__name__ for endpoint in endpoints}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "OpenData",
            "version": version,
            "summary": "Bundles of channels: their files by time, as pages, streams and addresses.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": {name: one for name, one in components.items() if name not in used},
            "securitySchemes": {SECURITY: {"type": "http", "scheme": "bearer"}},
        },
    }


def _models(endpoints: Sequence[Endpoint]) -> list[Any]:
    found: dict[int, Any] = {_key(Failure): Failure}
    for one in endpoints:
        bodies = _bodies(one)
        answers = [answer.model for answer in one.responses.values() if answer.model is not None]
        found |= {_key(model): model for model in (one.parameters, *bodies, *answers)}
    return list(found.values())


def _bodies(endpoint: Endpoint) -> list[Any]:
    return list(endpoint.raw_bodies) if endpoint.body is None else [endpoint.body]


def _key(model: Any) -> int:
    return hash(model)


def _operation(
    endpoint: Endpoint,
    schema_of: Mapping[int, dict[str, Any]],
    components: Mapping[str, Any],
    *,
    secured: bool,
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": _parameters(endpoint, components[endpoint.parameters.__name__]),
        "responses": _responses(endpoint, schema_of, secured=secured),
    }
    if endpoint.description:
        told["description"] = endpoint.description
    bodies = [schema_of[_key(body)] for body in _bodies(endpoint)]
    if bodies:
        schema = bodies[0] if len(bodies) == 1 else {"anyOf": bodies}
        told["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    if secured and not endpoint.public:
        told["security"] = [{SECURITY: []}]
    return told


def _parameters(endpoint: Endpoint, schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    in_path = set(_IN_PATH.findall(endpoint.path))
    return [
        _parameter(name, one, in_path=name in in_path)
        for name, one in schema.get("properties", {}).items()
    ]


def _parameter(name: str, schema: Mapping[str, Any], *, in_path: bool) -> dict[str, Any]:
    schema = dict(schema)
    if "anyOf" in schema:  # what may be left out; an address cannot say null
        [schema] = [dict(one) for one in schema["anyOf"] if one.get("type") != "null"]
    if schema.get("default", ...) is None:
        del schema["default"]
    told: dict[str, Any] = {"name": name, "in": "path" if in_path else "query"}
    description = schema.pop("description", None) or schema.get("items", {}).pop("description", "")
    if description:
        told["description"] = description
    if in_path:
        told["required"] = True
    if schema.get("type") == "array":
        told |= {"style": "form", "explode": True}
    return told | {"schema": schema}


def _responses(
    endpoint: Endpoint, schema_of: Mapping[int, dict[str, Any]], *, secured: bool
) -> dict[str, Any]:
    told = {
        str(status): _response(answer, schema_of) for status, answer in endpoint.responses.items()
    }
    rights = (401, 403) if secured and not endpoint.public else (403,)
    for status in sorted({*_ALWAYS, *rights, *endpoint.failures}):
        if str(status) not in told:
            failure = Response(_FAILURES[status], Failure)
            told[str(status)] = _response(failure, schema_of)
    return told


def _response(answer: Response, schema_of: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for media_type in answer.types:
        if media_type == JSON and answer.model is not None:
            content[media_type] = {"schema": schema_of[_key(answer.model)]}
        elif answer.model is not None or media_type != JSON:
            content[media_type] = {}
    headers = _REQUEST_ID | {
        name: {"description": text, "schema": {"type": "string"}}
        for name, text in answer.headers.items()
    }
    told: dict[str, Any] = {"description": answer.description, "headers": headers}
    return told | ({"content": content} if content else {})
