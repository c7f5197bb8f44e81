"""Comparing and indexing channels of more files than go into memory: the same as `held`, on disk.

Everything is a stream of rows in order of paths: `listing` spills what a place lists, `paths`
checks it, `sidecars` tells sidecars from files, `known` reads what was known before, `compare`
walks beside both, and `work` has what comes of it. Which rows there are, what is refused and the
bytes of the index are those of a comparison in memory; a test holds both side by side.
"""
