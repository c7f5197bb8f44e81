"""What the graph shows of rules that look elsewhere, take rows out, or watch over arrival times."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from dataplatform.defs.names import Names
from dataplatform_tests.defs.site import DATASET, Site
from opendata.wire.ids import parse_dataset_id

pytestmark = pytest.mark.platform

CANDIDATE, RELEASE = f"{DATASET}/candidate", f"{DATASET}/release"
CODES = "ns/codes"
CONTRACT: dict[str, Any] = {
    "primary_key": ["code"],
    "rules": [
        {
            "kind": "referential",
            "field": "code",
            "references": {"dataset": CODES, "fields": ["code"]},
            "action": "quarantine",
            "quarantine_max": "50%",
        }
    ],
}


@pytest.mark.requirement("S4-43")
def test_rows_without_a_reference_go_to_quarantine_and_the_checks_say_so(site: Site) -> None:
    site.write('code=["a", "b"]', dataset=CODES, contract={"primary_key": ["code"]})
    site.write('code=["a", "b", "x"], value=[1.0, 2.0, 3.0]', contract=CONTRACT)
    assert site.run(dataset=CODES).succeeded
    run = site.run()
    assert run.succeeded
    assert all(run.checks.values())
    built = run.metadata(CANDIDATE)
    assert built["dagster/row_count"].value == 2
    assert built["quarantined_rows"].value == 1
    [row] = built["quarantine"].records
    assert row.data == {"rule": "referential(code → ns/codes)", "rows": 1}
    [pin] = built["inputs"].records
    assert pin.data["id"] == CODES
    verdict = run.evaluations["contract"]
    assert verdict.metadata["quarantined"].value == {"referential(code → ns/codes)": 1}
    assert "1 row in quarantine" in str(verdict.metadata["explanation"].value)
    assert run.metadata(RELEASE)["quarantined_rows"].value == 1


@pytest.mark.requirement("S4-43")
def test_a_data_set_that_is_looked_up_in_stands_before_the_one_that_looks(site: Site) -> None:
    site.write('code=["a"]', dataset=CODES)
    site.write('code=["a"], value=[1.0]', contract=CONTRACT)
    graph = site.defs().resolve_asset_graph()
    published = Names(parse_dataset_id(CODES)).published
    assert published in graph.get(dg.AssetKey(CANDIDATE.split("/"))).parent_keys


ARRIVAL = (
    "pid=[1, 1], ell=[0.0, 2.0], n_eff=[1.0, 1.0], c_ref=[2.0, 2.0], "
    "T_arr_factored=[1.0, 1.0], T_arr_general=[1.0, 1.0], delta_form=[{0}, {0}]"
)


@pytest.mark.requirement("S4-11", "S4-44", "S4-93", "S4-10")
def test_forms_of_an_arrival_time_that_lie_apart_block_the_release(site: Site) -> None:
    rules = {"rules": [{"kind": "arrivaltime_dualform", "tol_Tarr": 1e-6}]}
    site.write(ARRIVAL.format(1e-3), contract=rules)
    run = site.run()
    assert not run.succeeded
    assert run.materialized == [CANDIDATE]
    assert "(pid 1)" in str(run.evaluations["contract"].metadata["explanation"].value)
    assert site.current() is None
    site.write(ARRIVAL.format(0.0), contract=rules)
    run = site.run()
    assert run.succeeded
    assert run.evaluations["contract"].metadata["arrivaltime_dualform"].value == 0.0
    site.write(ARRIVAL.format(0.0), dataset="ns/undeclared")
    assert not site.run(dataset="ns/undeclared").checks["contract"]
