"""Watching bundles: is everything there, did it come in time, is it intact; and what repairs it.

Here belong the findings and the plans, as values. Who is told stands in `alerts`.
"""
