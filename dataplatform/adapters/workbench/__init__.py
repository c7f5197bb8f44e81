"""The workbench: scratch space where batches become sorted, hashed Parquet shards."""
