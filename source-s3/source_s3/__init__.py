"""Airbyte source for the files of an S3 bucket. This file stays empty, so that `spec` is fast."""
