"""Mirrors: folders that answer source downloads, filled from pinned packages and recordings."""
