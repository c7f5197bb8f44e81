"""The platform: producers become assets, what passes their gates becomes releases."""
