"""Alerts: who is told of a finding, when again, when someone else, and when it is over.

A state machine that is driven by time and findings alone: the state is a value that is stored, so
it survives a restart. It knows nothing of bundles; sending is an adapter's (`adapters.notifiers`).
"""
