"""A record's data to a document."""
