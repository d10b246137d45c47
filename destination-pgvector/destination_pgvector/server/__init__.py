"""The server: how it is reached, what its errors mean, and how values go to it."""
