"""The command `destination-s3vectors`."""

from functools import partial

from tests.destination_commands import COMMANDS, arguments

PROGRAM = COMMANDS / "destination-s3vectors"
command_line = partial(arguments, PROGRAM)
