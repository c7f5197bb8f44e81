"""Adapters of the places where channels keep their files."""
