"""The parts of the forms that both destinations have."""
