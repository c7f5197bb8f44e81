"""The control room from outside: Dagster's web server, asked for runs."""
