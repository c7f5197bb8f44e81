"""Where `context.fetch` gets its bytes: the live web, politely, or a mirror of it.

Here belong retries, pauses, redirects, address rules, size limits and mirror look-ups, all behind
the port `dataplatform.datasets.fetching.SourceFetcher`. What the bytes mean is the producer's
business; what a failure means stands in the port.
"""
