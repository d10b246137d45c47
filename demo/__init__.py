"""The demo: S3 to vectors to answers on one machine, with servers of its own."""
