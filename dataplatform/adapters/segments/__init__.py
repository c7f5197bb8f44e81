"""Indexing the segments of Parquet files by keys."""
