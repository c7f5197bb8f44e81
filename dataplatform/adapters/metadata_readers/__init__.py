"""Where a file's time and metadata come from, beyond its path: EXIF, sidecars, installed functions.

A file per source. Each is given bytes and gives a `Reading`; none opens anything.
"""
