"""Describing files on Spark, which lives in a process of its own.

`engine` is the port's side: it starts the process when it is first needed, and ends it. `process`
is the other side, with `session` and `rounds`; `work` is what executors do. Between the two
processes go `frames` of `parcels`.
"""
