"""Airbyte destination for PostgreSQL with pgvector. This file stays empty, so that `spec` is fast."""
