"""Where a file's time and metadata come from, beyond its path: EXIF, sidecars, installed functions.

A source a file. Each is given bytes and gives a `Told`; none opens anything.
"""
