"""The indexes of streams, and the connector's own."""
