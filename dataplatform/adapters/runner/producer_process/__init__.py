"""The other side of the runner: what runs inside the producer's own process.

It is started by path, under whatever interpreter and packages main.py asks for, so it needs the
standard library and pyarrow, and nothing of `dataplatform` or `opendata`. Here belong the guardian
of the process tree, the `context` that main.py sees, and the way its tables take out of here.
"""
