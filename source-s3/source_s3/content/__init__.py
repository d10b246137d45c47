"""The bytes of one object: fetched, pinned to the version that was listed, and decoded."""
