"""The release engine's verbs for Python: one module per subject, gathered in `cli.sdk`."""
