"""Arrow arrays to JSON texts, and batches to RECORD lines. It knows no S3 and no stream."""
