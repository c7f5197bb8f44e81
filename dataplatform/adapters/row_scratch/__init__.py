"""Adapters of the room on disk for rows that are too many for memory."""
