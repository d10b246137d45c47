"""What each stream reads, the same for both forms of the configuration."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from wcmatch import glob

from source_s3.config import Config, FileTransfer
from source_s3.documents.version import VERSION
from source_s3.read.document_options import RemoteProcessing
from source_s3.read.options import (
    FORMATS,
    AvroFormat,
    CsvFormat,
    Format,
    OrcFormat,
    ParquetFormat,
    UnstructuredFormat,
)
from source_s3.schema import Declared
from source_s3.stream_config import (
    SAMPLED,
    BadRows,
    Quarantine,
    StreamConfig,
    UnreadableObjects,
    ValidationPolicy,
    folder_of_bucket,
    types_of,
)

# Of a format, on the records: what is inferred is the schema, and without an API a strategy concerns scans alone.
WITHOUT_EFFECT: Mapping[str, Any] = {"inference_type": True, "strategy": True, "processing": {"api_key", "api_url"}}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects belong to a stream. Sizes in bytes; times in UTC; `manifest`: the address of a list of objects.

    `archives`: whether the members of archives are objects of their own.
    """

    globs: Sequence[str]
    excluded: Sequence[str] = ()
    prefix: str = ""
    start: datetime | None = None
    smallest: int | None = None
    largest: int | None = None
    archived: Literal["Skip", "Refuse"] = "Skip"
    manifest: str | None = None
    archives: bool = True


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What one stream reads."""

    name: str
    selection: Selection
    format: Format
    keys: Sequence[str]  # the user's primary key
    types: Mapping[str, str]  # the user's JSON types by column; empty: from the files
    schemaless: bool
    sampled: int
    first_found: bool
    validation: ValidationPolicy
    hive: bool  # whether the folders name=value of a key are columns
    bad_rows: BadRows
    unreadable: UnreadableObjects
    deletions: bool
    transfer: FileTransfer | None  # the files are copied as they are
    columns: Declared = field(default_factory=dict)  # those of the configured catalog; empty: it says nothing of them
    most_deleted: int = 50  # percent of the objects known that one sync may delete

    @property
    def documents(self) -> UnstructuredFormat | None:
        """How they are read, where the records are documents: neither rows of tables nor copies of files."""
        return self.format if isinstance(self.format, UnstructuredFormat) and self.transfer is None else None

    @property
    def rows_are_numbered(self) -> bool:
        """Whether the rows of a table carry their number, to have a key that a deletion can name."""
        return (
            self.deletions and not self.transfer and not self.keys and not isinstance(self.format, UnstructuredFormat)
        )

    @property
    def reading(self) -> str:
        """What changes the records of an unchanged file: part of the ledger's fingerprints.

        A changed catalog does not: as with Airbyte's source-s3, what was read stays read until it is refreshed.
        """
        policy = self.validation if self.changes_rows else ""
        partitions = "partitions" if self.hive else ""
        settings = self.format.model_dump_json(exclude_defaults=True, exclude=without_effect(self.format))
        form = f"{self.format.filetype}{settings}{json.dumps(self.types, sort_keys=True)}"
        copied = self.transfer.model_dump_json() if self.transfer else ""
        return f"{form}{self.schemaless}{self.rows_are_numbered}{policy}{partitions}{copied}{self.parser or ''}"

    @property
    def parser(self) -> int | None:
        """Its version, where a new one means to read all documents again."""
        return VERSION if self.documents is not None and self.documents.reparse_on_change else None

    @property
    def are_counted(self) -> bool:
        """Whether an object's records are told by their numbers, for their deletes."""
        return self.rows_are_numbered or (self.deletions and self.documents is not None)

    @property
    def changes_rows(self) -> bool:
        """Whether the validation policy leaves rows out, or moves what they hold."""
        return self.validation in {"Skip Record", "Evolve"} and not self.schemaless

    @property
    def types_by_column(self) -> Mapping[str, str]:
        """The JSON types that texts are cast to. A column of several types stays text."""
        if self.schemaless or not self.columns:
            return {} if self.schemaless else self.types
        return {name: next(iter(kinds)) for name, kinds in self.columns.items() if len(kinds) == 1}

    @property
    def validates(self) -> bool:
        """Whether each row is held against the catalog."""
        return bool(self.columns) and not self.schemaless and self.validation != "Emit Record"

    @property
    def thins(self) -> bool:
        """Whether rows are left out that do not conform to the catalog, or end the stream."""
        return self.validates and self.validation != "Evolve"

    @property
    def projects(self) -> bool:
        """Whether columns that the catalog lacks are left out: of CSV files as in Airbyte's source-s3.

        Of Parquet, Avro and ORC it reads them all. With an input schema, or a policy that asks what is there, so do we.
        """
        if not self.columns or self.schemaless or self.validation == "Evolve":
            return False
        by_column = isinstance(self.format, ParquetFormat | AvroFormat | OrcFormat)
        return isinstance(self.format, CsvFormat) or (by_column and not self.validates and not self.types)

    def knows(self, column: str) -> bool:
        return not self.columns or column in self.columns


def without_effect(options: Format) -> dict[str, Any]:
    """What of a format does not change the records, as pydantic excludes it."""
    is_sent = isinstance(options, UnstructuredFormat) and isinstance(options.processing, RemoteProcessing)
    return {name: what for name, what in WITHOUT_EFFECT.items() if not (is_sent and name == "strategy")}


def plans(config: Config) -> list[StreamPlan]:
    if config.path and config.file_type:
        name = config.stream_name or _name_of(config.path, config.bucket)
        stream = StreamConfig(name=name, globs=[_glob(config.path)], format=FORMATS[config.file_type])
        return [_plan(config, stream)]
    return [_plan(config, stream) for stream in config.streams]


def _plan(config: Config, stream: StreamConfig) -> StreamPlan:
    selection = Selection(
        globs=stream.globs,
        excluded=[*stream.exclude_globs, *_kept_aside(config)],
        prefix=stream.legacy_prefix or "",
        start=config.start,
        smallest=stream.min_file_size,
        largest=stream.max_file_size,
        archived=stream.archived_objects,
        manifest=stream.manifest,
        archives=not isinstance(config.delivery_method, FileTransfer),
    )
    hive = {"Parquet Only": isinstance(stream.format, ParquetFormat), "All Formats": True, "None": False}
    return StreamPlan(
        name=stream.name,
        selection=selection,
        format=stream.format,
        keys=stream.keys,
        types=types_of(stream.input_schema),
        schemaless=stream.schemaless,
        sampled=stream.recent_n_files_to_read_for_schema_discovery or SAMPLED,
        first_found=stream.use_first_found_file_for_schema_discovery,
        validation=stream.validation_policy,
        hive=hive[stream.hive_partitions],
        bad_rows=stream.bad_rows,
        unreadable=stream.unreadable_objects,
        deletions=config.sync_deletions,
        transfer=config.delivery_method if isinstance(config.delivery_method, FileTransfer) else None,
        most_deleted=config.most_deleted_percent,
    )


def _kept_aside(config: Config) -> list[str]:
    """Globs of the bad rows that any stream keeps in this very bucket: they are no data."""
    found = [
        folder_of_bucket(stream.bad_rows.place) for stream in config.streams if isinstance(stream.bad_rows, Quarantine)
    ]
    folders = {place[1] for place in found if place is not None and place[0] == config.bucket}
    return [f"{glob.escape(folder)}stream=*/*/*.jsonl" for folder in sorted(folders)]


def _glob(path: str) -> str:
    """A folder means all below it. A leading slash is a habit from file systems; no key begins with one by mistake."""
    path = path.removeprefix("/")
    return f"{path}**" if path.endswith("/") or not path else path


def _name_of(path: str, bucket: str) -> str:
    """The last part of the path without wildcards."""
    fixed = re.split(r"[*?\[{]", path, maxsplit=1)[0]
    folder = fixed if fixed == path else fixed.rpartition("/")[0]
    last = folder.strip("/").rpartition("/")[2]
    return re.sub(r"\.\w+$", "", last) or bucket
