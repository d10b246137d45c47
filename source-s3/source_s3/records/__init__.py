"""One object to RECORD lines: a table, a document, or a copy."""
