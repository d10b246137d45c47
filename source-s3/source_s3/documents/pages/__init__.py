"""Documents that know only where each letter stands: PDF, and pictures."""
