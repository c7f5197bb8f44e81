"""Producers in folders."""
