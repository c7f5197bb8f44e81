"""Git by its own program: how it is run, mirrored and understood.

Both repositories' adapters stand on this folder; no port is implemented in it.
"""
