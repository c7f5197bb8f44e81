"""Runners of quality expectations by their own names."""
