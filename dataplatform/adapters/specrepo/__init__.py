"""Spec repositories: where bundles are asked for."""
