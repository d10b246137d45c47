"""What becomes of rows, documents and objects that can't be read."""
