"""Arrangers: rows of a build, sorted and cut into shards."""
