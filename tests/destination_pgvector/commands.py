"""The command `destination-pgvector`."""

from functools import partial

from tests.destination_commands import COMMANDS, arguments

PROGRAM = COMMANDS / "destination-pgvector"
command_line = partial(arguments, PROGRAM)
