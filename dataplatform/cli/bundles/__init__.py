"""The sub-commands of `od bundle` that a steward or an operator needs."""
