"""The demo: S3 to vectors to answers on one machine, with servers of its own.

`corpus/` holds the papers of an invented observatory, written for this repository (CC0).
"""
