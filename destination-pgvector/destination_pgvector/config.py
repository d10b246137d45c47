"""The form of the destination. Property names are those of Airbyte's own destination-pgvector; the rest is optional."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from destination_pgvector.connection_options import (
    Authentication,
    ByIam,
    ByPassword,
    NoTunnel,
    Prefer,
    SslMode,
    TunnelMethod,
    url_parameters,
)
from destination_pgvector.index_options import Distance, Hnsw, Index
from destination_pgvector.table_options import Listed, Quarantine, Tables
from destination_pgvector.typed_columns import metadata_names
from vector_ingest.form import Form, shown
from vector_ingest.forms.destination_config import DestinationConfig, Skip, Stop, groups, skipped

GROUPS = groups("PostgreSQL")


class Credentials(Form):
    model_config = ConfigDict(title="Credentials")
    password: SecretStr = Field(title="Password", description="The password of this user.", json_schema_extra=shown(1))


class Indexing(Form):
    model_config = ConfigDict(title="Postgres connection")
    host: str | None = Field(
        default=None,
        min_length=1,
        title="Host",
        description="The name or address of the server.",
        examples=["db.example.com"],
        json_schema_extra=shown(1),
    )
    port: int = Field(
        default=5432,
        ge=1,
        le=65535,
        title="Port",
        description="The port of the server.",
        examples=[5432],
        json_schema_extra=shown(2),
    )
    database: str | None = Field(
        default=None,
        min_length=1,
        title="Database",
        description="The database to load into. It must exist.",
        json_schema_extra=shown(3),
    )
    default_schema: str = Field(
        default="public",
        min_length=1,
        title="Default schema",
        description="Where the tables of streams without a namespace go. It is created if missing.",
        json_schema_extra=shown(4),
    )
    username: str | None = Field(
        default=None,
        min_length=1,
        title="Username",
        description="The user to sign in as. It needs the right to create tables in the schema.",
        json_schema_extra=shown(5),
    )
    credentials: Credentials | None = Field(default=None, json_schema_extra=shown(6))
    ssl_mode: SslMode = Field(
        default=Prefer(),
        title="SSL mode",
        description="How the connection is encrypted, and whether the server's certificate is checked.",
        json_schema_extra=shown(7),
    )
    index: Index = Field(
        default=Hnsw(),
        title="Vector index",
        description="The index that makes search fast.",
        json_schema_extra=shown(8),
    )
    distance: Distance = Field(
        default="cosine",
        title="Distance",
        description="By what vectors are compared, in the index and in `search`: `cosine` looks at directions only, "
        "`inner_product` is the same and cheaper for vectors of length 1, `l2` is the distance of the points.",
        json_schema_extra=shown(9),
    )
    metadata_index: bool = Field(
        default=False,
        title="Index the metadata",
        description='A GIN index that makes conditions such as `metadata @> \'{"language": "en"}\'` fast.',
        json_schema_extra=shown(10),
    )
    url: SecretStr | None = Field(
        default=None,
        title="Connection URL",
        description="In place of host, port, database, username and password. Several hosts may be named, with "
        "`target_session_attrs=read-write` for the one that takes writes after a failover.",
        examples=["postgresql://airbyte:secret@db.example.com:5432/vectors?sslmode=require"],
        json_schema_extra=shown(11),
    )
    tunnel_method: TunnelMethod = Field(
        default=NoTunnel(),
        title="SSH tunnel method",
        description="Whether the server is reached through a jump server.",
        json_schema_extra=shown(12),
    )
    authentication: Authentication = Field(
        default=ByPassword(),
        title="Authentication",
        description="How the user proves to be who it is.",
        json_schema_extra=shown(13),
    )
    connect_timeout: int = Field(
        default=15,
        ge=2,
        le=600,
        title="Connect timeout",
        description="Seconds that a connection may take to be made.",
        json_schema_extra=shown(14),
    )
    statement_timeout: int | None = Field(
        default=None,
        ge=1,
        le=2_147_483,  # milliseconds in an integer: https://www.postgresql.org/docs/current/runtime-config-client.html
        title="Statement timeout",
        description="Seconds that one statement of the load may take. Building an index is not bound by it. If "
        "absent: what the server has set.",
        json_schema_extra=shown(15),
    )
    recall_questions: int = Field(
        default=50,
        ge=0,
        le=1000,
        title="Questions to a new index",
        description="After an index was built, so many stored vectors are searched for with and without it, for 20 "
        "seconds at most. The log says how many of the nearest it finds. 0: not at all.",
        json_schema_extra=shown(16),
    )
    tables: Tables = Field(
        default=Tables(),
        description="Which tables there are, and which columns they have beside those of Airbyte's connector.",
        json_schema_extra=shown(17),
    )

    @field_validator("ssl_mode", mode="before")
    @classmethod
    def _name_of_a_mode(cls, choice: Any) -> Any:
        return {"mode": choice} if isinstance(choice, str) else choice

    @field_validator("url", mode="before")
    @classmethod
    def _empty_is_absent(cls, value: Any) -> Any:
        return value or None

    @field_validator("url")
    @classmethod
    def _is_a_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url:
            url_parameters(url.get_secret_value())
        return url

    @model_validator(mode="after")
    def _leads_somewhere(self) -> "Indexing":
        by_iam = isinstance(self.authentication, ByIam)
        needed: dict[str, object] = {"host": self.host, "database": self.database, "username": self.username}
        if not by_iam:
            needed["credentials"] = self.credentials
        if self.url is None and (missing := [f"`{name}`" for name, value in needed.items() if value is None]):
            raise ValueError(f"{', '.join(missing)} missing: add what is missing, or `url` in place of all")
        if by_iam and self.ssl_mode.mode in ("disable", "allow"):
            raise ValueError(
                f"`ssl_mode` is {self.ssl_mode.mode}, and a sign-in by IAM is always encrypted: set it to `require` or "
                "one of the `verify` modes"
            )
        several = self.url and "," in str(url_parameters(self.url.get_secret_value())["host"])
        if several and (by_iam or not isinstance(self.tunnel_method, NoTunnel)):
            raise ValueError("`url` names several hosts, and a tunnel or a sign-in by IAM is for one: name one")
        return self


Refusals = Annotated[Stop | Skip | Quarantine, Field(discriminator="type")]


class Config(DestinationConfig):
    model_config = ConfigDict(title="Destination pgvector")
    indexing: Indexing = Field(
        description="The PostgreSQL server with pgvector that stores the vectors.",
        json_schema_extra=shown(1, "indexing"),
    )
    refused_records: Refusals = Field(
        default=Stop(),
        title="Refused records",
        description="What becomes of a record that can't be stored.",
        json_schema_extra=shown(2, "advanced"),
    )

    @model_validator(mode="after")
    def _has_what_its_columns_need(self) -> "Config":
        tables, processing = self.indexing.tables, self.processing
        if tables.text_search and self.omit_raw_text:
            raise ValueError("indexing.tables.text_search needs the texts, and omit_raw_text leaves them out: undo one")
        if isinstance(tables.metadata_columns, Listed) and processing.metadata_fields:
            known = metadata_names(processing)
            for each in tables.metadata_columns.fields:
                if each.field not in known and each.field.split(".")[0] not in known:
                    raise ValueError(
                        f"indexing.tables.metadata_columns has the field {each.field}, which is none of the metadata "
                        f"({', '.join(sorted(known))}): add it to processing.metadata_fields"
                    )
        return self

    @property
    def most_skipped(self) -> int:
        return skipped(self.refused_records)

    @property
    def most_quarantined(self) -> int:
        return self.refused_records.most if isinstance(self.refused_records, Quarantine) else 0
