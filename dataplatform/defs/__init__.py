"""Dagster, one thin file per noun. What stands here translates and never decides.

An asset or check takes its inputs, calls one verb of a feature and turns the value that comes back
into Dagster's words: a materialization, a check result, a failure. Assets pass digests, not frames.
"""
