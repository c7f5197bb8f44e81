"""Patching: correcting records and fields of a release, shard by shard (S4-32…S4-38).

Here belong the operations, where their records lie, and the candidate that comes of them. What a
patch means for the version is decided where every change is: in `releases.compare`.
"""
