"""What each stream reads, the same for both forms of the configuration."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from source_s3.config import SAMPLED, Config, FileType, types_of
from source_s3.read.options import CsvFormat, JsonlFormat, ParquetFormat, UnstructuredFormat

FORMATS: dict[FileType, type[CsvFormat | JsonlFormat | ParquetFormat | UnstructuredFormat]] = {
    "csv": CsvFormat,
    "jsonl": JsonlFormat,
    "parquet": ParquetFormat,
    "documents": UnstructuredFormat,
}


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What one stream reads."""

    name: str
    globs: Sequence[str]
    prefix: str
    format: CsvFormat | JsonlFormat | ParquetFormat | UnstructuredFormat
    keys: Sequence[str]  # the user's primary key
    types: Mapping[str, str]  # the user's JSON types by column; empty: from the files
    schemaless: bool
    sampled: int
    first_found: bool
    deletions: bool

    @property
    def rows_are_numbered(self) -> bool:
        """Whether the rows of a table carry their number, to have a key that a deletion can name."""
        return self.deletions and not self.keys and not isinstance(self.format, UnstructuredFormat)

    @property
    def options(self) -> str:
        """What changes the records of an unchanged file: part of the ledger's fingerprints."""
        return f"{self.format.model_dump_json()}{json.dumps(self.types)}{self.schemaless}{self.rows_are_numbered}"


def plans(config: Config) -> list[StreamPlan]:
    if config.path and config.file_type:
        name = config.stream_name or _name_of(config.path, config.bucket)
        reading = FORMATS[config.file_type]()
        return [
            StreamPlan(name, [_glob(config.path)], "", reading, [], {}, False, SAMPLED, False, config.sync_deletions)
        ]
    return [
        StreamPlan(
            stream.name,
            stream.globs,
            stream.legacy_prefix or "",
            stream.format,
            stream.keys,
            types_of(stream.input_schema),
            stream.schemaless,
            stream.recent_n_files_to_read_for_schema_discovery or SAMPLED,
            stream.use_first_found_file_for_schema_discovery,
            config.sync_deletions,
        )
        for stream in config.streams
    ]


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
