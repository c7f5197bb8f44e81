"""Adapters that write the files of an index."""
