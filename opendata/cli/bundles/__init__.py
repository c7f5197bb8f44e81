"""The sub-commands of `od bundle` that a consumer needs: they read a store or ask an API."""
