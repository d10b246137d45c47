"""Checks of documented behaviour against any endpoint of Amazon S3 Vectors: the service itself, or the emulator."""
