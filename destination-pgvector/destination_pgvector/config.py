"""The form of the destination. Property names are those of Airbyte's own destination-pgvector; the rest is optional."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from destination_pgvector.table_options import Listed, Quarantine, Tables
from destination_pgvector.typed_columns import metadata_names
from vector_ingest.destination_config import DestinationConfig, Skip, Stop, groups, skipped

GROUPS = groups("PostgreSQL")


class Credentials(BaseModel):
    model_config = ConfigDict(title="Credentials")
    password: SecretStr = Field(
        title="Password", description="The password of this user.", json_schema_extra={"order": 1}
    )


class Hnsw(BaseModel):
    model_config = ConfigDict(
        title="HNSW",
        json_schema_extra={"description": "Fast approximate search by cosine distance. Built after loading."},
    )
    type: Literal["hnsw"] = "hnsw"
    m: int = Field(
        default=16,
        ge=2,
        le=100,
        title="m",
        description="Links of each vector. More find better and take more memory.",
        json_schema_extra={"order": 1},
    )
    ef_construction: int = Field(
        default=64,
        ge=4,
        le=1000,
        title="ef_construction",
        description="Candidates looked at while building, at least twice m. More find better and build slower.",
        json_schema_extra={"order": 2},
    )

    @model_validator(mode="after")
    def _looks_far_enough(self) -> "Hnsw":
        if self.ef_construction < 2 * self.m:
            raise ValueError(f"ef_construction is {self.ef_construction} and must be at least twice m, {2 * self.m}")
        return self


class NoIndex(BaseModel):
    model_config = ConfigDict(
        title="None",
        json_schema_extra={"description": "Exact search, which reads every row. Right for small tables."},
    )
    type: Literal["none"] = "none"


Index = Annotated[Hnsw | NoIndex, Field(discriminator="type")]


class Indexing(BaseModel):
    model_config = ConfigDict(title="Postgres connection")
    host: str = Field(
        min_length=1,
        title="Host",
        description="The name or address of the server.",
        examples=["db.example.com"],
        json_schema_extra={"order": 1},
    )
    port: int = Field(
        default=5432,
        ge=1,
        le=65535,
        title="Port",
        description="The port of the server.",
        examples=[5432],
        json_schema_extra={"order": 2},
    )
    database: str = Field(
        min_length=1,
        title="Database",
        description="The database to load into. It must exist.",
        json_schema_extra={"order": 3},
    )
    default_schema: str = Field(
        default="public",
        min_length=1,
        title="Default schema",
        description="Where the tables of streams without a namespace go. It is created if missing.",
        json_schema_extra={"order": 4},
    )
    username: str = Field(
        min_length=1,
        title="Username",
        description="The user to sign in as. It needs the right to create tables in the schema.",
        json_schema_extra={"order": 5},
    )
    credentials: Credentials = Field(json_schema_extra={"order": 6})
    ssl_mode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = Field(
        default="prefer",
        title="SSL mode",
        description="`prefer` encrypts where the server can; `require` insists; the `verify` modes also check the "
        "server's certificate.",
        json_schema_extra={"order": 7},
    )
    index: Index = Field(
        default=Hnsw(),
        title="Vector index",
        description="The index that makes search fast.",
        json_schema_extra={"order": 8},
    )
    tables: Tables = Field(
        default=Tables(),
        description="Which tables there are, and which columns they have beside those of Airbyte's connector.",
        json_schema_extra={"order": 9},
    )


Refusals = Annotated[Stop | Skip | Quarantine, Field(discriminator="type")]


class Config(DestinationConfig):
    model_config = ConfigDict(title="Destination pgvector")
    indexing: Indexing = Field(
        description="The PostgreSQL server with pgvector that stores the vectors.",
        json_schema_extra={"group": "indexing", "order": 1},
    )
    refused_records: Refusals = Field(
        default=Stop(),
        title="Refused records",
        description="What becomes of a record that can't be stored.",
        json_schema_extra={"group": "advanced", "order": 2},
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
