"""Channels: named, versioned streams of files, and the index of each.

Here belongs what a channel's spec says, how a path tells a file's time and metadata, which files
need to be read again, and how an index becomes the current one. How files are listed, hashed and
written is the adapters'; what locks channels together is `bundles`.
"""
