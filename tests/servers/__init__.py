"""Servers on loopback that the tests need beside PostgreSQL and S3."""
