"""The settings of one stream. Names and meaning of what Airbyte's own source-s3 has are its; the rest is optional."""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, ModelWrapValidatorHandler, field_validator, model_validator

from source_s3.read.options import Format
from vector_ingest.form import Form, shown, unknown_properties, warn_of_unknown

JSON_TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
SAMPLED = 10  # files that a schema is taken from where the user sets no number, as in Airbyte's source-s3
ValidationPolicy = Literal["Emit Record", "Skip Record", "Wait for Discover", "Evolve"]


class Stop(Form):
    """The stream ends at the first of them, with an error that names it."""

    model_config = ConfigDict(title="Stop")
    type: Literal["stop"] = "stop"


class Skip(Form):
    """They are passed over, counted, and the first ones named in the log."""

    model_config = ConfigDict(title="Skip and count")
    type: Literal["skip"] = "skip"
    most: int = Field(
        1000,
        ge=1,
        title="At most",
        description="More bad rows than this in one sync of the stream stop it.",
        json_schema_extra=shown(1),
    )


class Quarantine(Form):
    """They are kept with their reasons, counted, and `source-s3 replay` reads them again."""

    model_config = ConfigDict(title="Keep them aside")
    type: Literal["quarantine"] = "quarantine"
    place: str = Field(
        min_length=1,
        title="Place",
        description="Where they are kept: a folder of a bucket, such as `s3://my-bucket/quarantine/`, in which the "
        "credentials may put, get and delete objects; or the absolute path of a folder that outlives the process.",
        examples=["s3://my-bucket/quarantine/"],
        json_schema_extra=shown(1),
    )
    most: int = Field(
        1000,
        ge=1,
        title="At most",
        description="More bad rows than this in one sync of the stream stop it.",
        json_schema_extra=shown(2),
    )


BadRows = Annotated[Stop | Skip | Quarantine, Field(discriminator="type")]


class StopAtObject(Form):
    """The stream ends at the first of them, with an error that names it. What came before keeps its state."""

    model_config = ConfigDict(title="Stop")
    type: Literal["stop"] = "stop"


class LeaveForLater(Form):
    """They are named and counted, the others are read, and the next sync tries them again."""

    model_config = ConfigDict(title="Leave for the next sync")
    type: Literal["leave_for_later"] = "leave_for_later"
    most: int = Field(
        100,
        ge=1,
        title="At most",
        description="More unreadable objects than this in one sync of the stream stop it.",
        json_schema_extra=shown(1),
    )
    accept_missing: bool = Field(
        False,
        title="Accept Missing Objects",
        description="A refresh that replaces what was stored ends as incomplete while an object is unread, since the "
        "destination would drop the object's old records. Turn this on to let it end as complete without them.",
        json_schema_extra=shown(2),
    )


UnreadableObjects = Annotated[StopAtObject | LeaveForLater, Field(discriminator="type")]


class StreamConfig(Form):
    model_config = ConfigDict(title="Stream")
    name: str = Field(min_length=1, title="Name", description="The name of the stream.", json_schema_extra=shown(0))
    globs: list[str] = Field(
        default=["**"],
        min_length=1,
        title="Globs",
        description="Which objects belong to the stream, such as `reports/**/*.csv`. `**` stands for any folders, "
        "`{a,b}` for either. The fixed beginning of a glob is all that is listed. A file inside of a zip counts as "
        "`archive.zip#file`; so does one of a tar, which is opened only where a glob means it, such as `*.tar.gz`.",
        json_schema_extra=shown(1),
    )
    format: Format = Field(title="Format", description="What the files hold.", json_schema_extra=shown(2))
    primary_key: str | None = Field(
        None,
        title="Primary Key",
        description="The field whose value tells the records apart; several between commas.",
        json_schema_extra=shown(3),
    )
    legacy_prefix: str | None = Field(None, title="Legacy Prefix", json_schema_extra=shown(4, airbyte_hidden=True))
    validation_policy: ValidationPolicy = Field(
        "Emit Record",
        title="Validation Policy",
        description="What becomes of rows that do not fit the connection's schema. Emit: they are emitted as they are. "
        "Skip: they are left out and counted. Wait: the stream ends with an error at the first one, until the schema "
        "is refreshed. Evolve: what does not fit is moved into the field `_ab_additional_properties`.",
        json_schema_extra=shown(5),
    )
    input_schema: str | None = Field(
        None,
        title="Input Schema",
        description='The columns and their types, as JSON: {"id": "integer", "name": "string"}. Values of CSV files '
        "are turned into these types where they can be; a value that can't stays text.",
        json_schema_extra=shown(11),
    )
    days_to_sync_if_history_is_full: int = Field(
        3,
        title="Days To Sync If History Is Full",
        description="Has no effect: the history is never full. Accepted for configurations of Airbyte's source-s3.",
        json_schema_extra=shown(6, airbyte_hidden=True),
    )
    schemaless: bool = Field(
        False,
        title="Schemaless",
        description="Put each record as one object into the field `data`, whatever its columns.",
        json_schema_extra=shown(7),
    )
    recent_n_files_to_read_for_schema_discovery: int | None = Field(
        None,
        gt=0,
        title="Files To Read For Schema Discover",
        description=f"How many of the newest files the schema is taken from ({SAMPLED} where nothing is set).",
        json_schema_extra=shown(8),
    )
    use_first_found_file_for_schema_discovery: bool = Field(
        False,
        title="Use First Found File For Schema Discover",
        description="Take the schema from the first file that is listed, without listing the others.",
        json_schema_extra=shown(9),
    )
    skip_full_check_for_parquet: bool = Field(
        False,
        title="Skip Full Check for Parquet",
        description="Accepted for configurations of Airbyte's source-s3; the check reads a footer at most.",
        json_schema_extra=shown(10, airbyte_hidden=True),
    )

    exclude_globs: list[str] = Field(
        default=[],
        title="Excluded Globs",
        description="Objects that match one of these are left out, whatever the globs say.",
        json_schema_extra=shown(12),
    )
    min_file_size: int | None = Field(
        None,
        ge=0,
        title="Smallest File",
        description="Objects of fewer bytes are left out.",
        json_schema_extra=shown(13),
    )
    max_file_size: int | None = Field(
        None,
        ge=0,
        title="Largest File",
        description="Objects of more bytes are left out.",
        json_schema_extra=shown(14),
    )
    archived_objects: Literal["Skip", "Refuse"] = Field(
        "Skip",
        title="Archived Objects",
        description="What to do about objects in an archive storage class (Glacier and the like) that were not "
        "restored: leave them out with a count and a warning, or end the stream. Restored ones are read.",
        json_schema_extra=shown(15),
    )
    manifest: str | None = Field(
        None,
        title="Manifest",
        description="The address of an object that lists what to read, instead of listing the bucket: the "
        "manifest.json of an S3 Inventory, or a CSV or Parquet file whose first column (or column `uri`) holds "
        "s3:// addresses, also of other buckets, or keys. The globs apply to the keys.",
        examples=["s3://my-bucket/inventory/2026-11-01T00-00Z/manifest.json"],
        json_schema_extra=shown(16),
    )
    hive_partitions: Literal["Parquet Only", "All Formats", "None"] = Field(
        "Parquet Only",
        title="Hive Partitions",
        description="For which files the folders `name=value` of a key become columns of text.",
        json_schema_extra=shown(17),
    )
    bad_rows: BadRows = Field(
        default=Stop(),
        title="Bad Rows",
        description="What becomes of rows that can't be read: too many or too few values, broken quoting, text in "
        "another encoding, a line that is no JSON, a damaged block; and of documents that can't be read, unless it is "
        "to stop: that `skip_unprocessable_files` of the format decides.",
        json_schema_extra=shown(18),
    )
    unreadable_objects: UnreadableObjects = Field(
        default=StopAtObject(),
        title="Unreadable Objects",
        description="What becomes of objects that are listed and can't be read: access denied, an answer that stays "
        "broken, a document that no reader understands.",
        json_schema_extra=shown(19),
    )

    @model_validator(mode="wrap")
    @classmethod
    def _known(cls, found: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        stream = handler(found)
        warn_of_unknown(unknown_properties(found, stream), f"The stream {stream.name!r}")
        return stream

    @field_validator("input_schema")
    @classmethod
    def _maps_names_to_types(cls, value: str | None) -> str | None:
        types_of(value)
        return value

    @property
    def keys(self) -> list[str]:
        """The user's primary key."""
        return [name.strip() for name in (self.primary_key or "").split(",") if name.strip()]


def folder_of_bucket(address: str) -> tuple[str, str] | None:
    """Bucket and prefix, of a place in a bucket. The prefix is empty, or ends with a slash."""
    if not address.startswith("s3://"):
        return None
    bucket, _, folder = address.removeprefix("s3://").partition("/")
    return bucket, f"{folder.rstrip('/')}/" if folder.strip("/") else ""


def types_of(input_schema: str | None) -> dict[str, str]:
    """JSON types by column. `float` stands for number; blanks around them and the case of types do not count.

    ValueError: anything else.
    """
    if not input_schema:
        return {}
    try:
        types = json.loads(input_schema)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"expected a JSON object of column names and types, found text that is no JSON: {error}"
        ) from None
    if not isinstance(types, dict):
        raise ValueError(f"expected a JSON object of column names and types, found {input_schema}")  # noqa: TRY004
    return {_name(name): _type(name, kind) for name, kind in types.items()}


def _name(name: str) -> str:
    if not name.strip():
        raise ValueError("expected a JSON object of column names and types, found a column without a name")
    return name.strip()


def _type(name: str, kind: Any) -> str:
    found = kind.strip().casefold() if isinstance(kind, str) else None
    found = "number" if found == "float" else found
    if found not in JSON_TYPES:
        raise ValueError(f"expected one of {', '.join(JSON_TYPES)} as the type of the column {name!r}, found {kind!r}")
    return found
