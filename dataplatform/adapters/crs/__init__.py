"""The port of reference systems, a file per technology."""
