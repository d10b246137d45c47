"""A read: the streams of the catalog, what each has to do, and its lines in their order."""
