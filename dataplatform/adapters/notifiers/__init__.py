"""Who sends alerts: a module for each technology."""
