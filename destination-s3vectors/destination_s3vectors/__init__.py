"""Airbyte destination: records become vectors in Amazon S3 Vectors."""
