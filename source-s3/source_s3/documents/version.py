"""Of what is made of documents."""

VERSION = 5  # raised with each change of it: part of the ledger's entries, on request
