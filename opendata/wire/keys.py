"""The key layout of a store (requirements S1-22…S1-26; design of the release protocol).

Every key that anything reads or writes is built here and nowhere else.
"""

from __future__ import annotations

from opendata.wire.bundle import BundleRef
from opendata.wire.ids import DatasetId
from opendata.wire.version import Version

INDEX = "index.json"
OBJECTS = "objects/sha256/"
DATASETS = "datasets/"
STAGING = "staging/"
COLLECTION = "gc/"
COLLECTION_MARKS = "gc/marks/"
COLLECTION_JOURNALS = "gc/journal/"
COLLECTION_RECORDS = "gc/collected/"
COLLECTION_CLOCK = "gc/clock.json"
BUNDLES = "bundles/"
BUNDLE_CATALOGUE = "bundles/index.json"
CHANNELS = "channels/"
EVENTS = "events/"
WATCH = "watch/"
NAMING = (DATASETS, STAGING, BUNDLES, CHANNELS)
"""Where the documents lie that may name objects. What is named nowhere below these and not in the
catalogue is collected, so whatever else comes to name objects has to lie here."""


def object_key(digest: str) -> str:
    """Immutable bytes, named by their own sha256."""
    return f"{OBJECTS}{digest[:2]}/{digest}"


def digest_of_object_key(key: str) -> str:
    """The digest that an object key names."""
    return key.rpartition("/")[2]


def object_prefixes() -> list[str]:
    """All objects in 256 parts, so that no listing has to hold them all."""
    return [f"{OBJECTS}{part:02x}/" for part in range(256)]


def dataset_prefix(dataset: DatasetId) -> str:
    """Everything of one data set but its objects."""
    return f"{DATASETS}{dataset}/"


def release_prefix(dataset: DatasetId) -> str:
    """The frozen manifests of one data set."""
    return f"{dataset_prefix(dataset)}releases/"


def release_key(dataset: DatasetId, version: Version) -> str:
    """The frozen, signed manifest of one release; never rewritten."""
    return f"{release_prefix(dataset)}{version}.json"


def mark_prefix(dataset: DatasetId) -> str:
    """The marks of one data set's releases."""
    return f"{dataset_prefix(dataset)}marks/"


def mark_key(dataset: DatasetId, version: Version, mark: str) -> str:
    """What happened to a release after it was frozen: `hard`, `yank`, `unyank`; see `marks`."""
    return f"{mark_prefix(dataset)}{version}.{mark}.json"


def countersignature_key(dataset: DatasetId, version: Version, keyid: str) -> str:
    """The signature of a further key on a frozen release; put-if-absent."""
    return mark_key(dataset, version, f"{keyid}.sig")


def pin_key(dataset: DatasetId, candidate: str) -> str:
    """Says that a candidate (bare digest) is to stay, however old it gets."""
    return f"{dataset_prefix(dataset)}pins/{candidate}.json"


def commit_prefix(dataset: DatasetId) -> str:
    """The commit records of one data set."""
    return f"{dataset_prefix(dataset)}commits/"


def commit_key(dataset: DatasetId, generation: int, commit_id: str) -> str:
    """A pointer's bytes, recorded before the swap. The generation is padded so keys sort."""
    return f"{commit_prefix(dataset)}{generation:010d}-{commit_id}.json"


def pointer_key(dataset: DatasetId) -> str:
    """The one object that is overwritten, by compare-and-set."""
    return f"{dataset_prefix(dataset)}latest.json"


def manifest_copy_key(dataset: DatasetId) -> str:
    """Derived: the current release's manifest."""
    return f"{dataset_prefix(dataset)}manifest.json"


def stable_copy_key(dataset: DatasetId) -> str:
    """Derived: the current release as one Parquet file, where it is small enough."""
    return f"{dataset_prefix(dataset)}data.parquet"


def metadata_key(dataset: DatasetId) -> str:
    """Derived: what a page shows of the current release."""
    return f"{dataset_prefix(dataset)}metadata.json"


def readme_key(dataset: DatasetId) -> str:
    """Derived: the current release's README."""
    return f"{dataset_prefix(dataset)}README.md"


def compatibility_key(dataset: DatasetId) -> str:
    """Derived: which reader can read which release, and how (S4-50)."""
    return f"{dataset_prefix(dataset)}compatibility.json"


def changelog_key(dataset: DatasetId) -> str:
    """Derived: what every release changed, for people (S4-51)."""
    return f"{dataset_prefix(dataset)}CHANGELOG.md"


def migration_key(dataset: DatasetId) -> str:
    """Derived: what readers of an earlier schema do to move on (S4-51)."""
    return f"{dataset_prefix(dataset)}MIGRATION.md"


def health_key(dataset: DatasetId) -> str:
    """The outcomes of the last runs, failed ones above all."""
    return f"{dataset_prefix(dataset)}health.json"


def staged_prefix(dataset: DatasetId) -> str:
    """All candidates of one data set."""
    return f"{STAGING}{dataset}/"


def staging_prefix(dataset: DatasetId, candidate: str) -> str:
    """Where one candidate (bare digest) and its verdicts lie."""
    return f"{staged_prefix(dataset)}{candidate}/"


def candidate_key(dataset: DatasetId, candidate: str) -> str:
    """The candidate's own description; its sha256 is the candidate's name."""
    return f"{staging_prefix(dataset, candidate)}candidate.json"


def verdict_key(dataset: DatasetId, candidate: str, gate: str) -> str:
    """The signed decision of one gate on exactly this candidate."""
    return f"{staging_prefix(dataset, candidate)}verdict-{gate}.json"


def collection_mark_key(mark: str) -> str:
    """What a collection found to be named by nobody; put-if-absent."""
    return f"{COLLECTION_MARKS}{mark}.json"


def collection_journal_key(collection: str) -> str:
    """What a collection is about to remove; there as long as it may still be removing."""
    return f"{COLLECTION_JOURNALS}{collection}.json"


def collection_record_key(collection: str) -> str:
    """What a collection removed."""
    return f"{COLLECTION_RECORDS}{collection}.json"


def channel_prefix(channel: str) -> str:
    """Everything of one channel but its objects; a data set as a channel stands below its id."""
    return f"{CHANNELS}{channel}/"


def channel_version_prefix(channel: str, version: Version) -> str:
    """Everything of one version of a channel but its objects."""
    return f"{channel_prefix(channel)}v{version}/"


def channel_pointer_key(channel: str, version: Version) -> str:
    """The one object of a channel's version that is overwritten, by compare-and-set."""
    return f"{channel_version_prefix(channel, version)}latest.json"


def channel_index_key(channel: str, version: Version) -> str:
    """Derived: the current index (S0-41)."""
    return f"{channel_version_prefix(channel, version)}index.parquet"


def channel_description_key(channel: str, version: Version) -> str:
    """Derived: what the index holds, for people (S0-42)."""
    return f"{channel_version_prefix(channel, version)}index.yaml"


def channel_progress_prefix(channel: str, version: Version) -> str:
    """What an interrupted indexing has described so far; removed when it is done."""
    return f"{channel_version_prefix(channel, version)}progress/"


def bundle_prefix(ref: BundleRef) -> str:
    """Everything of one bundle but its document."""
    return f"{BUNDLES}{ref}/"


def bundle_revision_prefix(ref: BundleRef) -> str:
    """The frozen locks of one bundle."""
    return f"{bundle_prefix(ref)}revisions/"


def bundle_revision_key(ref: BundleRef, revision: int) -> str:
    """One frozen, signed lock; never rewritten. Padded so keys sort."""
    return f"{bundle_revision_prefix(ref)}{revision:06d}.json"


def bundle_countersignature_key(ref: BundleRef, revision: int, keyid: str) -> str:
    """The signature of a further key on a frozen lock; put-if-absent."""
    return f"{bundle_prefix(ref)}signatures/{revision:06d}.{keyid}.json"


def bundle_pointer_key(ref: BundleRef) -> str:
    """The one object of a bundle that is overwritten, by compare-and-set."""
    return f"{bundle_prefix(ref)}latest.json"


def bundle_document_key(ref: BundleRef) -> str:
    """Derived: the current lock in the document's shape (S0-16)."""
    return f"{BUNDLES}{ref}.yaml"


def bundle_event_key(request: str) -> str:
    """That a run was asked for because of a commit and path, and by whom; put-if-absent.

    `request` is a bare digest. It names no object.
    """
    return f"{EVENTS}bundles/{request}.json"


def watch_state_key(name: str) -> str:
    """What watching remembers: alerts under way, how far a scrub has come. It names no object."""
    return f"{WATCH}{name}.json"


def dataset_of_pointer_key(key: str) -> str | None:
    """`ns/name` of a pointer's key, or None for any other key."""
    parts = key.split("/")
    if len(parts) == 4 and parts[0] == "datasets" and parts[3] == "latest.json":
        return f"{parts[1]}/{parts[2]}"
    return None


def dataset_of_release_key(key: str) -> str | None:
    """`ns/name` of a frozen manifest's key, or None for any other key."""
    parts = key.split("/")
    if len(parts) == 5 and parts[0] == "datasets" and parts[3] == "releases":
        return f"{parts[1]}/{parts[2]}"
    return None


def bundle_of_pointer_key(key: str) -> str | None:
    """`<type>/<name>-<version>` of a bundle's pointer's key, or None for any other key."""
    parts = key.split("/")
    if len(parts) == 4 and parts[0] == "bundles" and parts[3] == "latest.json":
        return f"{parts[1]}/{parts[2]}"
    return None


def bundle_of_countersignature_key(key: str) -> tuple[str, int, str] | None:
    """`<type>/<name>-<version>`, revision and key id of a countersignature's key; None for any
    other key."""
    parts = key.split("/")
    if len(parts) == 5 and parts[0] == "bundles" and parts[3] == "signatures":
        revision, _, rest = parts[4].partition(".")
        if revision.isdecimal() and rest.endswith(".json"):
            return f"{parts[1]}/{parts[2]}", int(revision), rest.removesuffix(".json")
    return None


def bundle_of_revision_key(key: str) -> str | None:
    """`<type>/<name>-<version>` of a frozen lock's key, or None for any other key."""
    parts = key.split("/")
    if len(parts) == 5 and parts[0] == "bundles" and parts[3] == "revisions":
        return f"{parts[1]}/{parts[2]}"
    return None
