"""Sessions and SQL text for the adapters that use DuckDB."""
