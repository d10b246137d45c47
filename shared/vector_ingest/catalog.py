"""The configured catalog as streams. Some clients send every unset key as null."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from vector_ingest.document import Mode, Stream
from vector_ingest.errors import ConfigError

MODES: tuple[Mode, ...] = get_args(Mode)


def streams_of(catalog: Mapping[str, Any]) -> Sequence[Stream]:
    """ConfigError: the catalog has another shape, a stream twice, or a mode that is not supported."""
    try:
        streams = [_stream(configured) for configured in catalog["streams"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            "The catalog is no configured catalog: expected `streams`, each with `stream` and `destination_sync_mode`; "
            f"{lack(error)}. Make it of what the source's `discover` prints, with the modes beside each `stream`."
        ) from error
    for (namespace, name), times in Counter(stream.key for stream in streams).items():
        if times > 1:
            where = f" of the namespace `{namespace}`" if namespace else ""
            raise ConfigError(f"The catalog has the stream `{name}`{where} {times} times: leave it in once.")
    return streams


def lack(error: Exception) -> str:
    """What a message of another shape has not, by the error of looking for it."""
    return f"a `{error.args[0]}` is missing" if isinstance(error, KeyError) else "one of its parts is of another type"


def _stream(configured: Mapping[str, Any]) -> Stream:
    stream, mode = configured["stream"], configured["destination_sync_mode"]
    if mode not in MODES:
        raise ConfigError(
            f"The stream `{stream['name']}` asks for the destination sync mode `{mode}`: expected one of "
            f"{', '.join(MODES)}. Choose one of them in the connection."
        )
    key = configured.get("primary_key") or stream.get("source_defined_primary_key") or []
    if not isinstance(key, list) or not all(isinstance(path, list) for path in key):
        raise ConfigError(
            f"The primary key of the stream `{stream['name']}` is {key}: expected a list of paths, each a list of "
            'names, such as [["id"]]. Mend it in the catalog.'
        )
    return Stream(
        stream["name"],
        stream.get("namespace") or None,
        mode,
        tuple(tuple(path) for path in key),
        stream.get("json_schema") or {},
        configured.get("generation_id"),
        configured.get("minimum_generation_id"),
    )
