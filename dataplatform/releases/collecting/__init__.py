"""Collecting: removing what was never released and what nobody names (S4-89).

Here belong what counts as needed, the two looks apart in time, and what keeps publishers safe
meanwhile. Nothing here removes a frozen release.
"""
