"""Answers that take no thread: what is in memory already is answered on the event loop.

Handing a request to a worker thread and its answer back costs more than a page that only has to be
copied, and threads that wait for one another's lock cost more still. Here belongs finding the
endpoint of such a request; whether it can answer so, the endpoint itself says.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import compile_path

from dataplatform.api.decoding import decode_parameters
from dataplatform.api.endpoint import Call, Endpoint, Reply
from dataplatform.api.exchange import Scope
from dataplatform.api.tokens import Grant


class AtOnce:
    """The endpoints that can answer on the event loop."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._routes = [
            (compile_path(one.path)[0], one.parameters, one.at_once)
            for one in endpoints
            if one.at_once is not None and one.method == "GET"
        ]

    def reply(self, scope: Scope, headers: dict[bytes, bytes], grant: Grant) -> Reply | None:
        """The answer to a GET, or None where the routes have to find it.

        Raises:
            OpenDataError: as the endpoint's handler does.
        """
        for pattern, parameters, answer in self._routes:
            if found := pattern.match(scope["path"]):
                asked = decode_parameters(parameters, found.groupdict(), scope["query_string"])
                return answer(Call(asked, headers, grant=grant))
        return None
