"""Which objects belong to a stream: by globs, by their keys, by a manifest, and inside of archives."""
