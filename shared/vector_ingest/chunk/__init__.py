"""A text to chunks."""
