"""Processes of this machine: whether one that was noted down is still there."""
