"""Bundles: channels locked at versions for a consumer, from a commit to a frozen index.

Here belongs what a bundle's spec asks for, which commits ask for a run, how constraints resolve
against the channels that exist, what is frozen, signed, published and compared, and whether spec
and index repository go together. `watch` looks after what was published.
"""
