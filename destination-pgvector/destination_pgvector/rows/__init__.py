"""The rows of documents."""
