"""Engines that evaluate a contract over Parquet files."""
