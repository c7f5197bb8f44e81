"""The words that the SDK and the platform both speak.

Here belong the pure, typed values that are stored or sent (ids, versions, manifests, pointers,
errors) and their exact bytes. No I/O, no clock, no technology: whoever reads a stored object in
ten years needs this folder and nothing else.
"""
