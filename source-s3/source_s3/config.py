"""The form of the source. Property names and meaning are those of Airbyte's own source-s3; the rest is optional.

Either `path` and `file_type` make one stream, or `streams` lists several.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from source_s3.older_forms import newest_form
from source_s3.read.options import FileType, UnstructuredFormat
from source_s3.stream_config import StreamConfig
from vector_ingest.aws.clients import AddressingStyle, Connection, certificates
from vector_ingest.aws.credentials import Credentials
from vector_ingest.form import Form, shown, warn_of_unknown

PORTS = range(1, 2**16)
GROUPS = {"access": "Access to the bucket", "files": "Files", "advanced": "Advanced"}


class RecordsTransfer(Form):
    """The files are read, and their content becomes records."""

    model_config = ConfigDict(title="Replicate Records")
    delivery_type: Literal["use_records_transfer"] = Field("use_records_transfer", title="Delivery Type")


class FileTransfer(Form):
    """The files are copied as they are, bit by bit, for destinations that take files."""

    model_config = ConfigDict(title="Copy Raw Files")
    delivery_type: Literal["use_file_transfer"] = Field("use_file_transfer", title="Delivery Type")
    preserve_directory_structure: bool = Field(
        True,
        title="Preserve Sub-Directories in File Paths",
        description="Whether the folders of a key are kept in the file's path. Otherwise the bare names, which must "
        "differ.",
    )


DeliveryMethod = Annotated[RecordsTransfer | FileTransfer, Field(discriminator="delivery_type")]


class Config(Form):
    model_config = ConfigDict(title="S3")
    credentials: Credentials = Field(
        title="Authentication",
        description="How to sign in at AWS, or at the server under Endpoint.",
        json_schema_extra=shown(0, "access"),
    )
    region_name: str | None = Field(
        None,
        title="AWS Region",
        description="The region of the bucket.",
        examples=["eu-central-1"],
        json_schema_extra=shown(1, "access", always_show=True),
    )
    bucket: str = Field(
        min_length=1,
        title="Bucket",
        description="The name of the bucket, without s3:// and without a path.",
        json_schema_extra=shown(2, "access"),
    )
    endpoint: str = Field(
        "",
        title="Endpoint",
        description="The address of a server that speaks S3, such as MinIO. Leave it empty for AWS.",
        examples=["https://minio.example.com:9000"],
        json_schema_extra=shown(3, "access"),
    )
    addressing_style: AddressingStyle = Field(
        "auto",
        title="Addressing style",
        description="Where a request names the bucket: in the path (`https://host/bucket/key`) or in the host's name "
        "(`https://bucket.host/key`, virtual). Auto: in the host's name at AWS, in the path at an endpoint.",
        json_schema_extra=shown(4, "access"),
    )
    verify_tls: bool = Field(
        True,
        title="Verify TLS certificates",
        description="Whether the endpoint must prove who it is. Without that, whoever is in between can read along.",
        json_schema_extra=shown(5, "access"),
    )
    ca_bundle: str | None = Field(
        None,
        title="CA bundle",
        description="For an endpoint whose certificate is of an own authority: that authority's certificates, as PEM. "
        "They count in place of the usual ones.",
        json_schema_extra=shown(6, "access", multiline=True),
    )
    requester_pays: bool = Field(
        False,
        title="Requester pays",
        description="For a bucket whose requester pays: say with each request that you do.",
        json_schema_extra=shown(7, "access"),
    )
    path: str | None = Field(
        None,
        title="Path",
        description="Which objects to read: a folder (`reports/2026/`), an object's key, or a glob "
        "(`reports/**/*.csv`). With the file type it makes one stream.",
        examples=["reports/2026/", "reports/**/*.csv"],
        json_schema_extra=shown(4, "files", always_show=True),
    )
    file_type: FileType | None = Field(
        None,
        title="File type",
        description="What the objects under the path are. Documents are Markdown, text, HTML, PDF and DOCX.",
        json_schema_extra=shown(5, "files", always_show=True),
    )
    stream_name: str | None = Field(
        None,
        min_length=1,
        title="Stream name",
        description="The name of the one stream. Without it, the last folder of the path, or the bucket.",
        json_schema_extra=shown(6, "files"),
    )
    streams: list[StreamConfig] = Field(
        default=[],
        title="Streams",
        description="For more than one stream, or for settings of the format: instead of path and file type.",
        json_schema_extra=shown(7, "files"),
    )
    sync_deletions: bool = Field(
        False,
        title="Sync deletions",
        description="Send a record with `_ab_cdc_deleted_at` for each document, or row of a table, that is no longer "
        "in the bucket. Rows of tables without a primary key get one: the object and the number of the row.",
        json_schema_extra=shown(8, "files", always_show=True),
    )
    most_deleted_percent: int = Field(
        50,
        ge=0,
        le=100,
        title="Most Deleted Percent",
        description="With Sync deletions: where more of a stream's objects than this are no longer listed, the stream "
        "ends with an error and deletes nothing, since a wrong prefix or a lost right looks the same. From 20 objects "
        "on. Set it to 100 for one sync to allow a deletion of any size.",
        json_schema_extra=shown(11, "files"),
    )
    start_date: str | None = Field(
        None,
        title="Start Date",
        description="Objects last changed before this time (UTC) are left out.",
        examples=["2026-01-01T00:00:00.000000Z"],
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?)?$",
        json_schema_extra=shown(
            9, "files", format="date-time", pattern_descriptor="YYYY-MM-DD or YYYY-MM-DDTHH:mm:ss.SSSSSSZ"
        ),
    )
    delivery_method: DeliveryMethod = Field(
        default=RecordsTransfer(),
        title="Delivery Method",
        description="What is sent.",
        json_schema_extra=shown(10, "advanced", display_type="radio"),
    )

    @model_validator(mode="before")
    @classmethod
    def _one_way_to_name_streams(cls, config: Any) -> Any:
        if not isinstance(config, dict):
            return config
        config = newest_form(config)
        warn_of_unknown(set(map(str, config)) - set(cls.model_fields))
        short = [name for name in ("path", "file_type") if config.get(name)]
        if config.get("streams") and short:
            raise ValueError(f"`streams` and `{short[0]}` are both set: keep one of them")
        if not config.get("streams") and len(short) < 2:
            raise ValueError("set `path` and `file_type` for one stream, or list `streams`")
        return config

    @model_validator(mode="after")
    def _names_differ(self) -> "Config":
        names = [stream.name for stream in self.streams]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two streams have the name `{twice}`: give one of them another name")
        return self

    @model_validator(mode="after")
    def _one_answer_on_trust(self) -> "Config":
        if self.ca_bundle and not self.verify_tls:
            raise ValueError("`ca_bundle` has no effect while `verify_tls` is false: remove one of them")
        return self

    @model_validator(mode="after")
    def _deletions_need_keys_of_ours(self) -> "Config":
        if self.sync_deletions and isinstance(self.delivery_method, FileTransfer):
            raise ValueError(
                "`sync_deletions` can't be used with `use_file_transfer`: no record says that a copied file is gone. "
                "Turn one of them off"
            )
        for stream in self.streams:
            if self.sync_deletions and stream.keys and not isinstance(stream.format, UnstructuredFormat):
                raise ValueError(
                    f"`sync_deletions` can't be used with the primary key of stream {stream.name!r}: the keys of rows "
                    "are gone with their file. Remove the primary key (rows are then told apart by file and number), "
                    "or turn `sync_deletions` off"
                )
        return self

    @field_validator("endpoint")
    @classmethod
    def _address(cls, value: str) -> str:
        value = value.strip()
        found = re.fullmatch(r"((https?://)?(\[[\da-fA-F:]+\]|[^\s/@:?#]+)(:(\d{1,5}))?(/[^\s@?#]*)?)?", value)
        if found is None or int(found[5] or 1) not in PORTS:
            raise ValueError("expected an address such as https://host:port, found something else")
        return value

    @field_validator("ca_bundle")
    @classmethod
    def _holds_certificates(cls, value: str | None) -> str | None:
        return certificates(value) if value and value.strip() else None

    @field_validator("start_date")
    @classmethod
    def _day_exists(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                _in_utc(value)
            except OverflowError:
                raise ValueError(f"expected a time that UTC has, found {value}") from None
        return value

    @field_validator("bucket")
    @classmethod
    def _bare_name(cls, value: str) -> str:
        if "/" in value or ":" in value:
            raise ValueError(f"expected the bucket's bare name, found {value!r}: put a path into `path` or the globs")
        return value

    @property
    def connection(self) -> Connection:
        return Connection(self.addressing_style, self.verify_tls, self.ca_bundle, self.requester_pays)

    @property
    def start(self) -> datetime | None:
        return None if self.start_date is None else _in_utc(self.start_date)


def _in_utc(text: str) -> datetime:
    """OverflowError: a time before the year 1 or after the year 9999."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def specification() -> dict[str, Any]:
    """What `spec` prints, and spec.json holds."""
    from vector_ingest.command.spec import connection_specification

    return {
        "documentationUrl": "https://docs.airbyte.com/integrations/sources/s3",
        "supportsIncremental": True,
        "connectionSpecification": connection_specification(Config, GROUPS),
    }
