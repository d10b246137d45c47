"""The way of a record from stdin to the store, and of a state back to stdout."""
