"""The form of the destination. What other vector destinations of Airbyte have is named as there."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, field_validator

from destination_s3vectors.service import limits
from destination_s3vectors.vectors.metadata import USERS_NON_FILTERABLE
from destination_s3vectors.vectors.names import location_of
from vector_ingest.aws.credentials import DefaultCredentials, IamRole, IamUser
from vector_ingest.errors import ConfigError
from vector_ingest.form import Form, about, shown
from vector_ingest.forms.destination_config import DestinationConfig, KeptAside, Skip, Stop, groups, skipped

GROUPS = groups("Amazon S3 Vectors")

# No anonymous access: the service answers no unsigned request.
Credentials = Annotated[IamUser | IamRole | DefaultCredentials, Field(discriminator="auth_type")]


class PerStream(Form):
    model_config = about(
        "One for each stream", "`prefix.stream`, or `prefix.namespace.stream` where there is a namespace."
    )
    type: Literal["stream"] = "stream"


class PerNamespace(Form):
    model_config = about(
        "One for each namespace", "`prefix.namespace`: streams of one namespace are searched together."
    )
    type: Literal["namespace"] = "namespace"


class PerTenant(Form):
    model_config = about(
        "One for each stream and tenant",
        "`prefix.stream-tenant`: what one tenant searches holds nothing of another. With the mode "
        "append + dedup the field must be a part of the primary key, since a record can't move between indexes.",
    )
    type: Literal["tenant"] = "tenant"
    tenant_field: str = Field(
        min_length=1,
        title="Tenant field",
        description="The field of each record that names its tenant. A path is written with dots.",
        examples=["customer_id", "account.id"],
        json_schema_extra=shown(1),
    )


IndexFor = Annotated[PerStream | PerNamespace | PerTenant, Field(discriminator="type")]


class Tag(Form):
    model_config = ConfigDict(title="Tag")
    key: str = Field(min_length=1, max_length=128, title="Key", json_schema_extra=shown(1))
    value: str = Field(default="", max_length=256, title="Value", json_schema_extra=shown(2))


class Indexing(Form):
    model_config = ConfigDict(title="Amazon S3 Vectors")
    credentials: Credentials = Field(
        title="Authentication",
        description="How the connector signs in to AWS.",
        json_schema_extra=shown(1),
    )
    region_name: str | None = Field(
        default=None,
        title="AWS Region",
        description="The region of the vector bucket. If absent, the machine's own is used.",
        examples=["eu-central-1"],
        json_schema_extra=shown(2),
    )
    vector_bucket: str = Field(
        min_length=3,
        title="Vector bucket",
        description="Its name, or all in one as s3vectors://bucket[/prefix][?kmsKeyArn=…]. It is created if missing.",
        examples=["my-vectors", "s3vectors://my-vectors/handbook"],
        json_schema_extra=shown(3),
    )
    index_prefix: str | None = Field(
        default=None,
        title="Index prefix",
        description="What the names of the indexes begin with. If absent: `airbyte`, or what the address above says.",
        examples=["handbook"],
        json_schema_extra=shown(4),
    )
    index_for: IndexFor = Field(
        default=PerStream(),
        title="Indexes",
        description="How the records are spread over indexes.",
        json_schema_extra=shown(5),
    )
    distance_metric: Literal["cosine", "euclidean"] = Field(
        default="cosine",
        title="Distance",
        description="How near two vectors are. It can't be changed once an index is made.",
        json_schema_extra=shown(6),
    )
    create_missing: bool = Field(
        default=True,
        title="Create what is missing",
        description="Create the vector bucket and the indexes. If not set, they must be there.",
        json_schema_extra=shown(7),
    )
    kms_key_arn: str | None = Field(
        default=None,
        title="KMS key",
        description="The full ARN of the key that encrypts new indexes. It can't be changed once an index is made. The "
        "service principal indexing.s3vectors.amazonaws.com needs kms:Decrypt on it.",
        examples=["arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
        json_schema_extra=shown(8),
    )
    tags: list[Tag] = Field(
        default=[],
        title="Tags",
        description="Put on a vector bucket and on indexes when they are created, for cost and access rules.",
        json_schema_extra=shown(9),
    )
    endpoint: str | None = Field(
        default=None,
        title="Endpoint",
        description="Only for a private endpoint or another service of the same protocol, as a URL.",
        examples=["https://vpce-0123.s3vectors.eu-central-1.vpce.amazonaws.com"],
        json_schema_extra=shown(10),
    )
    use_fips: bool = Field(
        default=False,
        title="FIPS endpoint",
        description="Use the endpoint with FIPS 140 validated cryptography.",
        json_schema_extra=shown(11),
    )
    canary: bool = Field(
        default=True,
        title="Try writing in the check",
        description="The check puts, reads and deletes one vector in an index of its own, to prove each right. If not "
        "set, it only looks.",
        json_schema_extra=shown(12),
    )

    @field_validator("vector_bucket")
    @classmethod
    def _is_a_location(cls, text: str) -> str:
        try:
            location_of(text if "://" in text else f"s3vectors://{text}")
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return text


class Metadata(Form):
    model_config = ConfigDict(title="Metadata")
    filterable_first: list[str] = Field(
        default=[],
        title="Filterable fields, in order of priority",
        description=f"S3 Vectors filters on {limits.FILTERABLE_BYTES // 1024} KB of metadata for each vector. These "
        "fields come first; what has no room stays readable, but can't be filtered on.",
        json_schema_extra=shown(1),
    )
    non_filterable: list[str] = Field(
        default=[],
        max_length=USERS_NON_FILTERABLE,
        title="Fields that are never filtered on",
        description="They take no room from the filterable ones. They are fixed when an index is made.",
        json_schema_extra=shown(2),
    )


class Quarantine(KeptAside):
    model_config = about(
        "Keep it aside",
        "The record goes with its reason into the index `prefix.ingest--account` of the vector "
        "bucket, is counted as failed, and `destination-s3vectors replay` tries it again.",
    )


Refusals = Annotated[Stop | Skip | Quarantine, Field(discriminator="type")]


class Config(DestinationConfig):
    model_config = ConfigDict(title="Destination Amazon S3 Vectors")
    indexing: Indexing = Field(
        description="The vector bucket, and how to sign in to it.", json_schema_extra=shown(1, "indexing")
    )
    metadata: Metadata = Field(
        default=Metadata(),
        description="Which metadata can be filtered on.",
        json_schema_extra=shown(2, "indexing"),
    )
    refused_records: Refusals = Field(
        default=Stop(),
        title="Refused records",
        description="What becomes of a record that can't be stored.",
        json_schema_extra=shown(2, "advanced"),
    )
    largest_sweep: int = Field(
        default=100,
        ge=0,
        le=100,
        title="Largest sweep (percent)",
        description="A sync that replaces a stream deletes in the end what it did not bring. If that is more than this "
        "share of the stream's documents, it deletes nothing and fails.",
        json_schema_extra=shown(3, "advanced"),
    )

    @property
    def most_skipped(self) -> int:
        return skipped(self.refused_records)

    @property
    def most_quarantined(self) -> int:
        return self.refused_records.most if isinstance(self.refused_records, Quarantine) else 0
