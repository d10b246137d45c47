"""Documents as vectors: how one is written, told apart, and found whole again."""
