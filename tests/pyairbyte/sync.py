"""Runs in PyAirbyte's own environment: syncs from our source to a destination, each with the state of the last one.

    python sync.py SOURCE_COMMAND SOURCE_CONFIG DESTINATION_COMMAND DESTINATION_CONFIG STATE_DATABASE

The configurations are JSON. Each line of stdin asks for a sync: to import PyAirbyte for each would take longer than it
does. Nothing is kept between them but the database. Before the first one both connectors are checked. A line
`delivered: N` of stdout answers with the records sent.
"""

import json
import os
import sys
from pathlib import Path

os.environ["AIRBYTE_OFFLINE_MODE"] = "1"  # before the import: else it looks the connectors up in a registry

import airbyte as ab
from airbyte.caches import DuckDBCache

source_command, source_config, destination_command, destination_config, state_database = sys.argv[1:]
for number, _ in enumerate(sys.stdin):
    source = ab.get_source("source-s3", local_executable=source_command, config=json.loads(source_config), streams="*")
    destination = ab.get_destination(
        Path(destination_command).name, local_executable=destination_command, config=json.loads(destination_config)
    )
    if number == 0:
        source.check()
        destination.check()
    result = destination.write(source, cache=False, state_cache=DuckDBCache(db_path=state_database))
    print(f"\ndelivered: {result.processed_records}", flush=True)
