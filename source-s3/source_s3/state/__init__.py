"""What is done: the ledger of a stream's objects, and the STATE that carries it."""
