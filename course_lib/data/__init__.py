"""Target tasks and where their pictures come from."""
