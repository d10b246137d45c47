"""Texts to vectors. A provider is one module here with one class, and one line in `choice.py`."""
