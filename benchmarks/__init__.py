"""Benchmarks: figures of this project beside those of its peers, measured in one run.

Nothing here is a test: a goal that is missed is a figure on a page, never a red build.
"""
