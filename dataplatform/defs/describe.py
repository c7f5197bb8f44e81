"""Describe: what the graph says about a data set before anything has run, from its two files."""

from __future__ import annotations

import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import BetaWarning

from dataplatform.datasets.definition import DatasetDefinition, referenced_datasets
from dataplatform.datasets.producer import Producer
from dataplatform.datasets.schedule import cron_of, duration_text, expected_interval
from dataplatform.defs.automation import follow_inputs, follow_step_before
from dataplatform.defs.columns import table_schema
from dataplatform.defs.grid import Grid
from dataplatform.defs.names import Names, legal_tags, split_owners

DESCRIPTION_MAX_CHARS = 2_000
# Two missed intervals are late, one may be a holiday.
_LATE_AFTER_INTERVALS = 2
_GRACE = timedelta(hours=6)


def describe_assets(
    producer: Producer, grid: Grid | None = None
) -> tuple[dg.AssetSpec, dg.AssetSpec, dg.AssetSpec]:
    """Candidate, release and published asset of one producer.

    What describes the data set stands on the published one only: a thousand data sets load from
    what is said here.
    """
    names, definition = Names(producer.id), producer.definition
    shared = _shared(producer)
    looked_up = referenced_datasets(definition)
    follow = follow_step_before() if definition.inputs else None
    references = {"dagster/code_references": _code_references(producer)}
    candidate = dg.AssetSpec(
        names.candidate,
        deps=[Names(dataset).published for dataset in (*definition.inputs, *looked_up)],
        description=f"What `main.py` of {producer.id} built last. Nobody reads it before its "
        "checks `contract` and `quality` have passed.",
        kinds={"python"},
        metadata=references,
        freshness_policy=freshness_of(definition),
        partitions_def=grid.partitions_def if grid else None,
        automation_condition=follow_inputs() if definition.inputs else None,
        **shared,
    )
    release = dg.AssetSpec(
        names.release,
        deps=[names.candidate],
        description=f"The last frozen release of {producer.id}: immutable, numbered, signed.",
        kinds={"parquet"},
        skippable=True,
        automation_condition=follow,
        **shared,
    )
    published = dg.AssetSpec(
        names.published,
        deps=[names.release],
        description=readme_text(producer),
        kinds={"parquet"},
        metadata=references | dataset_facts(definition) | _declared_columns(definition),
        skippable=True,
        automation_condition=follow,
        **shared,
    )
    return candidate, release, published


def _shared(producer: Producer) -> dict[str, Any]:
    owners, _ = split_owners(producer.definition.owners)
    return {
        "group_name": Names(producer.id).group,
        "owners": owners,
        "tags": legal_tags(dataset_tags(producer.definition)),
        "code_version": producer.code_version,
    }


def readme_text(producer: Producer) -> str:
    """The README's first part, else the description."""
    text = (producer.readme or b"").decode("utf-8", errors="replace").strip()
    first_part = text.split("\n## ", 1)[0].strip()
    if len(first_part) > DESCRIPTION_MAX_CHARS:
        first_part = first_part[:DESCRIPTION_MAX_CHARS].rsplit("\n\n", 1)[0]
    return first_part or producer.definition.description


def dataset_tags(definition: DatasetDefinition) -> dict[str, str]:
    """What one would filter by, legal in Dagster or not."""
    tags = {"license": definition.license, "provider": definition.source.provider}
    if definition.frequency:
        tags["frequency"] = str(definition.frequency)
    return tags | {f"topic/{topic}": "" for topic in definition.topics}


def dataset_facts(definition: DatasetDefinition) -> dict[str, Any]:
    """The definition's own fields as metadata: everything, also what is no legal tag or owner."""
    source, cron = definition.source, cron_of(definition)
    facts: dict[str, Any] = {
        "title": definition.title,
        "license": definition.license,
        "source": source.provider,
        "repo": _link(definition.repo),
        "homepage": _link(source.homepage),
        "topics": ", ".join(definition.topics),
        "owners": ", ".join(definition.owners),
        "frequency": str(definition.frequency) if definition.frequency else None,
        "schedule": f"{cron.cron} (UTC)" if cron else None,
        "timeout": duration_text(definition.timeout) if definition.timeout else None,
    }
    return {name: value for name, value in facts.items() if value}


def freshness_of(definition: DatasetDefinition) -> dg.FreshnessPolicy | None:
    """How old the last look at the source may be; stands on the candidate, see the ADR."""
    interval = expected_interval(definition)
    if interval is None:
        return None
    late = interval * _LATE_AFTER_INTERVALS + _GRACE
    return dg.FreshnessPolicy.time_window(fail_window=late, warn_window=interval + _GRACE)


def _declared_columns(definition: DatasetDefinition) -> dict[str, Any]:
    contract = definition.contract
    if contract is None or not contract.fields:
        return {}
    return {"dagster/column_schema": table_schema(contract.fields, contract.primary_key)}


def _code_references(producer: Producer) -> dg.CodeReferencesMetadataValue:
    folder = Path(producer.folder).resolve()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BetaWarning)  # known; once per start is once too often
        files = [
            dg.LocalFileCodeReference(file_path=str(folder / name), line_number=1, label=name)
            for name in ("main.py", "opendata.yaml")
        ]
        repo = dg.UrlCodeReference(url=producer.definition.repo, label="repo")
        return dg.CodeReferencesMetadataValue(code_references=[*files, repo])


def _link(address: str | None) -> dg.UrlMetadataValue | None:
    return dg.MetadataValue.url(address) if address else None
