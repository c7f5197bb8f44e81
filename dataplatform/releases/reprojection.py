"""Reprojection: whether the reference system of the coordinates is one that can be computed with.

What a manifest records of a change of it is `carrying`'s; applying that is reading's.
"""

from __future__ import annotations

from dataplatform.contracts.model import Contract
from dataplatform.releases.ports import ReleasePorts
from opendata.wire.errors import Rejected


def require_known_system(ports: ReleasePorts, contract: Contract) -> None:
    """Refuse coordinates in a reference system that does not exist.

    Raises:
        Rejected: naming the code.
    """
    if contract.crs is not None and not ports.reference_systems.knows(contract.crs.code):
        raise Rejected(
            f"contract.crs.code says {contract.crs.code}, and there is no such reference system",
            code="unknown_crs",
            hint="EPSG:4326 is longitude and latitude in degrees",
            details={"code": contract.crs.code},
        )
