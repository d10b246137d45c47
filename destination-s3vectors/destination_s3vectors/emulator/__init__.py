"""Amazon S3 Vectors on loopback, for tests and the demo: what the documentation says, and nothing that our client needs."""
