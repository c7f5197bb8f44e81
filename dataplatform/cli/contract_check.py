"""Mistakes in a contract that need no row to be seen: units that do not fit, forms unwatched.

Here belongs telling it at its place in `opendata.yaml`, before anything runs. The gates find the
same in what was built.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dataplatform.adapters.producers.folder import shown
from dataplatform.adapters.units.measures import PintMeasures
from dataplatform.contracts.arrival import ArrivalTimeRule, undeclared_forms
from dataplatform.contracts.dimensions import DimCheckRule, judge_dimensions
from dataplatform.datasets.definition import DatasetDefinition
from dataplatform.datasets.yaml import read_yaml
from dataplatform.errors import SourceFinding


def contract_findings(
    definition: DatasetDefinition, path: Path
) -> Iterator[tuple[SourceFinding, bool]]:
    """Each finding, and whether a release would be refused because of it.

    Args:
        path: The file that the definition was read from.
    """
    contract = definition.contract
    if contract is None or not contract.fields:
        return
    document = read_yaml(path.read_bytes(), shown(path))
    has_rule = any(isinstance(rule, ArrivalTimeRule) for rule in contract.rules)
    if forms := undeclared_forms(list(contract.field_names), has_rule):
        message = f"{', '.join(forms)}: arrival times that no rule with a tol_Tarr watches over"
        hint = "add to the rules: {kind: arrivaltime_dualform, tol_Tarr: 1.0e-6}"
        yield document.finding(("contract",), message, hint=hint, key=True), True
    fields = {field.name: field for field in contract.fields}
    for at, rule in enumerate(contract.rules):
        if not isinstance(rule, DimCheckRule):
            continue
        finding = judge_dimensions(rule, fields, PintMeasures()).of_rule(rule)
        if not finding.passed:
            place = document.finding(("contract", "rules", at), finding.message, hint=finding.hint)
            yield place, finding.blocks
