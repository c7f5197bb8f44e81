"""Asking a release what its readers typically ask."""
