"""Make the buckets that the environment names, where they are missing. For trying things out only.

A production store's buckets are made by whoever owns the account, with rules of their own.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import boto3


def main() -> None:
    """Make the store's bucket and that of the compute logs."""
    client = boto3.client("s3", endpoint_url=os.environ["OPENDATA_S3_ENDPOINT"])
    existing = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    wanted = {urlsplit(os.environ["OPENDATA_STORAGE"]).netloc, os.environ["DAGSTER_LOGS_BUCKET"]}
    for name in sorted(wanted - existing):
        client.create_bucket(Bucket=name)


if __name__ == "__main__":
    main()
