"""What the S3 source and the vector store destinations share. Import the modules: this file stays empty."""
