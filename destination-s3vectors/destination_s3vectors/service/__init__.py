"""Requests to S3 Vectors, what it allows, and what its errors mean."""
