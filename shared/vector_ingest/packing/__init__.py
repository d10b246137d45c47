"""Texts of all threads to requests to the model, at the pace that it allows."""
