"""The technologies behind the ports: a folder per port, a file per technology.

Here belongs everything that touches a process, a file, a socket or an engine. What a result means
is decided in the features; which adapter stands behind a port, in `wiring`.
"""
