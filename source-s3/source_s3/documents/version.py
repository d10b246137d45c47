"""Of what is made of documents."""

VERSION = 2  # raised with each change of it: part of the ledger's entries, on request
