"""Releases: from a candidate to an immutable, published version. All of their meaning.

One verb per file: build → validate → gate → freeze → publish → derive, and repair. Values that are
stored beyond this folder live in `opendata.wire`. Effects go through the object store and the
ports in `ports.py`; what decides is pure.
"""
