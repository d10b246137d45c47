"""Documents of HTML."""
