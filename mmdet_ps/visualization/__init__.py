"""Pictures of what a model found, and the report."""
