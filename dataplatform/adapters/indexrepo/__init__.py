"""Index repositories: where bundles are told of."""
