"""Documents that are text as they are."""
