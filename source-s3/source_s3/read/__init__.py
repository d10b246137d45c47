"""One module per format: a stream of bytes in, Arrow batches or documents out."""
