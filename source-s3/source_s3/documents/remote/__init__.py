"""Documents read by a server that they are sent to: a module for each kind of server, and what they share."""
