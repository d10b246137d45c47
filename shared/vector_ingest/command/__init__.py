"""What the commands of the connectors share."""
