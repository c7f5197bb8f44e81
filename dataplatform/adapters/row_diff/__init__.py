"""Differs of the rows of two releases."""
