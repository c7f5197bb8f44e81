"""From a reference to verified rows: pointer → manifest → shards → table.

Here belongs everything between a store and an Arrow table, for the SDK and the platform alike.
Nothing here writes to a store, and nothing is returned whose digest was not checked.
"""
