"""Amazon S3 Vectors on loopback, for tests and the demo: as documented, not as our client happens to need it."""
