"""The index client: bundles and their files from Python, through the API or from a store.

Here belongs what `DataIndexClient` is made of. What a bundle and an index are, and how a store is
asked for them, belongs in `opendata.reading.file_index`.
"""
