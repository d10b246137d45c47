"""What the platform hands over for a read: the configured catalog, and the states of the last sync."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from source_s3.config import Config
from source_s3.plan import StreamPlan, plans
from source_s3.schema import Declared, declared
from vector_ingest.catalog import lack
from vector_ingest.errors import ConfigError

SYNC_MODES = ("full_refresh", "incremental")


@dataclass(frozen=True, slots=True)
class Configured:
    """One stream of the configured catalog, and its state."""

    name: str
    namespace: str | None
    full_refresh: bool
    generation: int | None
    state: Mapping[str, Any]
    columns: Declared = field(default_factory=dict)  # of its schema; empty: it says nothing of them
    replaces: bool = False  # at a COMPLETE the destination drops what older generations have stored


def configured_streams(catalog: Mapping[str, Any], states: Any) -> Sequence[Configured]:
    """The catalog's streams with their states. ConfigError: a catalog or state of another shape."""
    by_stream = _states(states)
    try:
        return [_configured(entry, by_stream) for entry in catalog["streams"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            "The catalog is no configured catalog: expected `streams`, each with `stream` and `sync_mode`; "
            f"{lack(error)}. Make it of what `discover` prints, with the modes beside each `stream`."
        ) from error


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
            "The state is not of the form that Airbyte hands over: expected a list of STREAM states; "
            f"{lack(error)}. Give the last states of a sync, or none to begin anew."
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
