"""Reading bundles and the indexes of their channels: which files, by time, page by page.

Here belongs the way from a bundle's name to rows of its channels' indexes, on any store. The API
serves it, `DataIndexClient` reads a store through it without a server.
"""
