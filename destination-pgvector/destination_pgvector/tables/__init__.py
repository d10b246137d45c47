"""The tables of streams: what each is to be, how it becomes that, and its indexes."""
