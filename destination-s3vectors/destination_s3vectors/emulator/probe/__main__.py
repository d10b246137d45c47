"""Runs the probe: `python -m destination_s3vectors.emulator.probe --help`."""

import argparse
import sys

from destination_s3vectors.emulator.probe import command

parser = argparse.ArgumentParser(prog="python -m destination_s3vectors.emulator.probe", description=command.DESCRIPTION)
command.add_arguments(parser)
sys.exit(command.main(parser.parse_args()))
