"""All streams of a configured catalog, one after another: their statuses, their lines, and what became of each.

A stream that fails does not take the others along: they are read, and the whole ends with an error.
"""

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from source_s3.catalog import bucket_of
from source_s3.checkpoint import INTERVAL
from source_s3.config import Config
from source_s3.leaving import Leaving
from source_s3.pieces import Lines
from source_s3.plan import StreamPlan, plans
from source_s3.progress import Progress
from source_s3.schema import declared
from source_s3.sync import Configured, read_stream
from vector_ingest.errors import EXPLAINED, ConfigError, ReportedError
from vector_ingest.messages import status_line

logger = logging.getLogger("airbyte")
SYNC_MODES = ("full_refresh", "incremental")
Tell = Callable[[Exception, tuple[str | None, str]], bytes]  # an error of the stream (namespace, name) as a message


def configured_streams(catalog: Mapping[str, Any], states: Any) -> Sequence[Configured]:
    """The catalog's streams with their states. ConfigError: a catalog or state of another shape."""
    by_stream = _states(states)
    try:
        return [_configured(entry, by_stream) for entry in catalog["streams"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            "The catalog is no configured catalog: expected `streams`, each with `stream` and `sync_mode`, found "
            f"{type(error).__name__}: {error}. Make it of what `discover` prints."
        ) from error


def read_all(
    config: Config,
    configured: Sequence[Configured],
    interval: float = INTERVAL,
    tell: Tell | None = None,
    leaving: Leaving | None = None,
) -> Generator[Lines, None, None]:
    """Every line in its final order. `interval`: the seconds between two states.

    With `tell`, the error of each stream that fails leaves as a message of its own, and ReportedError is raised after
    the last stream. Without, the first error is.
    """
    planned = plans_of(config, configured)
    bucket = bucket_of(config)
    failures: list[Exception] = []
    for stream, plan in planned:
        progress = Progress(stream.name)
        yield status_line(stream.name, stream.namespace, "STARTED")
        try:
            yield from read_stream(bucket, plan, stream, progress, interval, leaving)
        except EXPLAINED as error:
            failures.append(error)
            progress.summary()
            yield status_line(stream.name, stream.namespace, "INCOMPLETE")
            logger.error("Stream %s ends incomplete: %s", stream.name, error)  # noqa: TRY400 (no traceback for a user)
            if tell is not None:
                yield tell(error, (stream.namespace, stream.name))
            continue
        progress.summary()
        yield status_line(stream.name, stream.namespace, "COMPLETE")
    if failures and tell is not None:
        raise ReportedError(f"{len(failures)} of {len(planned)} streams have failed")
    if failures:
        raise failures[0]


def plans_of(config: Config, configured: Sequence[Configured]) -> Sequence[tuple[Configured, StreamPlan]]:
    """The catalog's streams with what the configuration makes of them, and the catalog's columns in that."""
    known = {plan.name: plan for plan in plans(config)}
    unknown = [stream.name for stream in configured if stream.name not in known]
    if unknown:
        raise ConfigError(
            f"The catalog has the stream `{unknown[0]}`, which the configuration does not make. It makes: "
            f"{', '.join(known)}. Refresh the connection's schema."
        )
    return [(stream, replace(known[stream.name], columns=stream.columns)) for stream in configured]


def _states(states: Any) -> dict[tuple[str | None, str], Mapping[str, Any]]:
    """Airbyte's list of STREAM states, as the platform hands it over; an empty object or list is none."""
    if not states:
        return {}
    found = {}
    try:
        for state in states:
            stream = (state.get("state") or state)["stream"]
            descriptor = stream["stream_descriptor"]
            found[descriptor.get("namespace"), descriptor["name"]] = stream.get("stream_state") or {}
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            "The state is not of the form that Airbyte hands over: expected a list of STREAM states, found "
            f"{type(error).__name__}: {error}. Give the last states of a sync, or none to begin anew."
        ) from error
    return found


def _configured(entry: Mapping[str, Any], states: Mapping[tuple[str | None, str], Mapping[str, Any]]) -> Configured:
    name, namespace = entry["stream"]["name"], entry["stream"].get("namespace")
    if entry["sync_mode"] not in SYNC_MODES:
        raise ConfigError(
            f"The catalog's stream `{name}` has the sync_mode {entry['sync_mode']!r}: expected one of "
            f"{', '.join(SYNC_MODES)}. Mend the catalog."
        )
    return Configured(
        name,
        namespace,
        entry["sync_mode"] == "full_refresh",
        entry.get("generation_id"),
        states.get((namespace, name), {}),
        declared(entry["stream"].get("json_schema") or {}),
        _replaces(entry),
    )


def _replaces(entry: Mapping[str, Any]) -> bool:
    """A refresh that truncates has its own generation as the lowest that stays. Full refreshes may do so anyway."""
    generation = entry.get("generation_id")
    truncates = bool(generation) and generation == entry.get("minimum_generation_id")
    return truncates or entry["sync_mode"] == "full_refresh" or entry.get("destination_sync_mode") == "overwrite"
