"""The two GitHub workflows that link a spec repository with an index repository (S0-2…S0-15).

Here belongs their text and what may vary in it. Nothing of an event is ever put into a shell's
text: it comes as environment, is checked, and becomes JSON by `jq`. Actions are pinned by commit.

A push of several files is several events from one job. They are sent by `gh api`, which is the
call that the action `repository-dispatch` makes: an action sends one event, a matrix of it at most
256, and either gives the token to code from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from opendata.wire.bundle import BUNDLE_TYPES
from opendata.wire.errors import InvalidInput

SPEC_WORKFLOW: Final = ".github/workflows/bundle-to-dataindex.yml"
INDEX_WORKFLOW: Final = ".github/workflows/generate-index.yml"
INDEX_SCRIPT: Final = "scripts/generate_data_index.py"
EVENT_TYPE: Final = "generate-data-index"
_CHECKOUT: Final = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0"
_SETUP_PYTHON: Final = "actions/setup-python@e797f83bcb11b83ae66e0230d6156d7c80228e7c # v6.0.0"
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+", re.ASCII)
_BRANCH: Final = re.compile(r"[A-Za-z0-9._/-]+", re.ASCII)
_REQUIREMENT: Final = re.compile(r"[A-Za-z0-9 \[\],._@:/+=<>~!-]+", re.ASCII)
_MADE: Final = (
    "# Made by `od bundle workflows`, which also brings it up to date: change nothing here."
)


@dataclass(frozen=True)
class Link:
    """Which two repositories are linked, as `owner/name`.

    `branch` is the one of the spec repository that counts; `requirement` is what the index
    repository's workflow installs.
    """

    requirement: str
    spec: str = "company/DataSpecHub"
    index: str = "company/DataIndexHub"
    branch: str = "main"

    def check(self) -> None:
        """
        Raises:
            InvalidInput: for what could mean anything else in a workflow than what it says.
        """
        for told, rule, what in (
            (self.spec, _REPOSITORY, "a repository as owner/name"),
            (self.index, _REPOSITORY, "a repository as owner/name"),
            (self.branch, _BRANCH, "a branch of letters, digits and ._/-"),
            (self.requirement, _REQUIREMENT, "a requirement as pip reads it"),
        ):
            if not rule.fullmatch(told):
                raise InvalidInput(f"{told!r} is not {what}", code="invalid_link")


def spec_files(link: Link) -> Mapping[str, str]:
    """What belongs into the spec repository, by path."""
    link.check()
    return {SPEC_WORKFLOW: _filled(_SPEC, link)}


def index_files(link: Link) -> Mapping[str, str]:
    """What belongs into the index repository, by path."""
    link.check()
    return {INDEX_WORKFLOW: _filled(_INDEX, link), INDEX_SCRIPT: _SCRIPT}


def _filled(text: str, link: Link) -> str:
    for name, value in {
        "@MADE@": _MADE,
        "@SPEC@": link.spec,
        "@INDEX@": link.index,
        "@BRANCH@": link.branch,
        "@REQUIREMENT@": link.requirement,
        "@EVENT@": EVENT_TYPE,
        "@TYPES@": "|".join(BUNDLE_TYPES),
        "@CHECKOUT@": _CHECKOUT,
        "@SETUP_PYTHON@": _SETUP_PYTHON,
        "@SCRIPT@": INDEX_SCRIPT,
    }.items():
        text = text.replace(name, value)
    return text


_SPEC: Final = """\
@MADE@
name: Generate data index
on:
  push:
    branches: ["@BRANCH@"]
    paths: ["bundles/**/*.yaml"]

permissions: {}

# One run for each push, since a run that waits would be dropped for the next one, and with it the
# files that only its push names.
concurrency:
  group: bundle-to-dataindex-${{ github.sha }}
  cancel-in-progress: false

jobs:
  trigger_data_index:
    name: Ask for data indexes
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions:
      contents: read
    steps:
      - name: Check out the whole history
        uses: @CHECKOUT@
        with:
          fetch-depth: 0
          persist-credentials: false

      - name: Find the bundles of this push
        env:
          BEFORE: ${{ github.event.before }}
          AFTER: ${{ github.sha }}
        run: |
          set -euo pipefail
          # The first push of a branch has no commit before it, and after a forced one it leads
          # nowhere: then every bundle counts. What did not change is found to be unchanged later.
          if [[ "$BEFORE" =~ ^0+$ ]] || ! git merge-base --is-ancestor "$BEFORE" "$AFTER"; then
            BEFORE=$(git hash-object -t tree /dev/null)
          fi
          git diff --name-only --no-renames --diff-filter=d -z \\
            "$BEFORE" "$AFTER" -- bundles/ >changed
          jq -cRs --arg commit "$AFTER" '
            split("\\u0000")[] | select(endswith(".yaml")) | {
              event_type: "@EVENT@",
              client_payload: {
                bundle_file: .,
                bundle_type: split("/")[1],
                bundle_name: (split("/")[-1] | rtrimstr(".yaml")),
                spec_repo_commit: $commit
              }
            }' changed >events

      - name: Ask the index repository for their data indexes
        env:
          GH_TOKEN: ${{ secrets.DATAINDEX_TRIGGER_TOKEN }}
          INDEX_REPO: "@INDEX@"
        run: |
          set -euo pipefail
          failed=0
          while IFS= read -r event; do
            jq -r '"asking for \\(.client_payload.bundle_file | tojson)"' <<<"$event"
            gh api --method POST "repos/$INDEX_REPO/dispatches" --input - <<<"$event" || failed=1
          done <events
          exit "$failed"
"""

_INDEX: Final = """\
@MADE@
name: Generate data index
on:
  repository_dispatch:
    types: [@EVENT@]

permissions: {}

# One at a time for each bundle. Of those that wait only the latest is kept, which is the one that
# counts.
concurrency:
  group: generate-index-${{ github.event.client_payload.bundle_name }}
  cancel-in-progress: false

jobs:
  generate_index:
    name: Generate a data index
    runs-on: ubuntu-24.04
    timeout-minutes: 360
    permissions:
      contents: write # it pushes the data branch and the main one
    env:
      BUNDLE_FILE: ${{ github.event.client_payload.bundle_file }}
      SPEC_REPO_COMMIT: ${{ github.event.client_payload.spec_repo_commit }}
      SPEC_REPO: "@SPEC@"
    steps:
      - name: Check what is asked for
        run: |
          set -euo pipefail
          file='^bundles/(@TYPES@)/[a-z0-9][a-z0-9_-]*-v?[0-9][0-9.-]*\\.yaml$'
          if ! [[ "$BUNDLE_FILE" =~ $file && "$SPEC_REPO_COMMIT" =~ ^[0-9a-f]{40}$ ]]; then
            echo "::error::the event names no bundle of the spec repository at a commit"
            exit 1
          fi

      - name: Check out
        uses: @CHECKOUT@
        with:
          persist-credentials: false

      - name: Set up Python
        uses: @SETUP_PYTHON@
        with:
          python-version: "3.12"

      - name: Install opendata
        run: pip install --disable-pip-version-check "@REQUIREMENT@"

      - name: Fetch the bundle's spec at the exact commit
        env:
          GH_TOKEN: ${{ secrets.SPEC_REPO_TOKEN }}
        run: |
          set -euo pipefail
          gh api -H "Accept: application/vnd.github.raw+json" \\
            "repos/$SPEC_REPO/contents/$BUNDLE_FILE?ref=$SPEC_REPO_COMMIT" >bundle_spec.yaml

      # Commits what it generates to the branch data/{name}-{version}, which it makes, and to the
      # main one, and pushes both; where another run was faster, again on top of that.
      - name: Generate, commit and push the data index
        env:
          OPENDATA_SPEC_REPO: >-
            https://x-access-token:${{ secrets.SPEC_REPO_TOKEN }}@github.com/@SPEC@#@BRANCH@
          OPENDATA_INDEX_REPO: >-
            https://x-access-token:${{ github.token }}@github.com/@INDEX@
          OPENDATA_STORAGE: ${{ vars.OPENDATA_STORAGE }}
          OPENDATA_S3_ENDPOINT: ${{ vars.OPENDATA_S3_ENDPOINT }}
          OPENDATA_API_URL: ${{ vars.OPENDATA_API_URL }}
          OPENDATA_SIGNING_KEY: ${{ secrets.OPENDATA_KEY != '' && 'env:OPENDATA_KEY' || '' }}
          OPENDATA_KEY: ${{ secrets.OPENDATA_KEY }}
          AWS_ACCESS_KEY_ID: ${{ secrets.AWS_ACCESS_KEY_ID }}
          AWS_SECRET_ACCESS_KEY: ${{ secrets.AWS_SECRET_ACCESS_KEY }}
          AWS_REGION: ${{ vars.AWS_REGION }}
        run: python @SCRIPT@ bundle_spec.yaml --commit "$SPEC_REPO_COMMIT"
"""

_SCRIPT: Final = '''\
"""Generate the data index of a bundle, as the linkage of the two repositories calls it (S0-14).

    python scripts/generate_data_index.py bundle_spec.yaml

It is `od bundle index` and nothing else: the same options, the same exit codes.
"""

from __future__ import annotations

import sys

from opendata.cli import main

if __name__ == "__main__":
    sys.argv[1:1] = ["bundle", "index"]
    main()
'''
