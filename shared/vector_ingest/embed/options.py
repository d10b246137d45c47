"""The form's section "Embedding": which model makes the vectors. Names are those of Airbyte's destinations."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from vector_ingest.aws.credentials import DefaultCredentials, IamRole, IamUser
from vector_ingest.embed.form_pieces import Metered, OptionalAddress, key_from_field, normalize_field, prefix_field
from vector_ingest.embed.key_options import NO_KEY, KeySource, require_key
from vector_ingest.embed.openai_options import AzureOpenAI, OpenAI, OpenAICompatible
from vector_ingest.form import Form, about, shown

# No anonymous access: Bedrock answers no unsigned request.
SignIn = Annotated[IamUser | IamRole | DefaultCredentials, Field(discriminator="auth_type")]


class Cohere(Metered):
    model_config = about("Cohere", "Vectors from Cohere's API.")
    mode: Literal["cohere"] = "cohere"
    cohere_key: SecretStr = Field(default=NO_KEY, title="Cohere API key", json_schema_extra=shown(1))
    model_name: str = Field(
        default="embed-english-light-v2.0",
        title="Model name",
        description="An embedding model of Cohere. A change of model embeds everything again.",
        examples=["embed-v4.0", "embed-multilingual-v3.0", "embed-english-light-v2.0"],
        json_schema_extra=shown(2),
    )
    base_url: OptionalAddress = Field(
        default=None,
        title="Base URL",
        description="Another address of the same API, such as a proxy.",
        examples=["https://api.cohere.com"],
        json_schema_extra=shown(3),
    )
    dimensions: Literal[256, 512, 1024, 1536] | None = Field(
        default=None,
        title="Embedding dimensions",
        description="Shorter vectors than the model's own. Only embed-v4.0 can shorten.",
        json_schema_extra=shown(4),
    )
    normalize: bool = normalize_field(5)
    key_from: KeySource | None = key_from_field(6)

    @model_validator(mode="after")
    def _has_a_key(self) -> "Cohere":
        require_key(self.cohere_key, self.key_from, "cohere_key")
        return self


class Voyage(Metered):
    model_config = about("Voyage AI", "Vectors from Voyage AI's API.")
    mode: Literal["voyage"] = "voyage"
    voyage_key: SecretStr = Field(default=NO_KEY, title="Voyage API key", json_schema_extra=shown(1))
    model_name: str = Field(
        default="voyage-4",
        title="Model name",
        description="A text embedding model of Voyage. A change of model embeds everything again.",
        examples=["voyage-4-large", "voyage-4", "voyage-4-lite", "voyage-code-3"],
        json_schema_extra=shown(2),
    )
    dimensions: Literal[256, 512, 1024, 2048] | None = Field(
        default=None,
        title="Embedding dimensions",
        description="Other than the model's own. Not every model can.",
        json_schema_extra=shown(3),
    )
    base_url: OptionalAddress = Field(
        default=None,
        title="Base URL",
        description="Another address of the same API, such as a proxy.",
        examples=["https://api.voyageai.com/v1"],
        json_schema_extra=shown(4),
    )
    key_from: KeySource | None = key_from_field(5)

    @model_validator(mode="after")
    def _has_a_key(self) -> "Voyage":
        require_key(self.voyage_key, self.key_from, "voyage_key")
        return self


class Bedrock(Metered):
    model_config = about("Amazon Bedrock", "Vectors from the models of Amazon Titan and Cohere in your AWS account.")
    mode: Literal["bedrock"] = "bedrock"
    credentials: SignIn = Field(
        title="Authentication",
        description="How the connector signs in to AWS. The right bedrock:InvokeModel is needed.",
        json_schema_extra=shown(1),
    )
    region_name: str | None = Field(
        default=None,
        title="AWS Region",
        description="The region of the model. If absent, the machine's own is used.",
        examples=["eu-central-1"],
        json_schema_extra=shown(2),
    )
    model_name: str = Field(
        default="amazon.titan-embed-text-v2:0",
        title="Model ID",
        description="The ID of the model, or the ID or ARN of an inference profile that has it in its name.",
        examples=["amazon.titan-embed-text-v2:0", "cohere.embed-multilingual-v3", "eu.cohere.embed-v4:0"],
        json_schema_extra=shown(3),
    )
    dimensions: Literal[256, 512, 1024, 1536] | None = Field(
        default=None,
        title="Embedding dimensions",
        description="Shorter vectors than the model's own: 256 or 512 with Titan, 256, 512 or 1024 with Cohere's "
        "embed-v4.",
        json_schema_extra=shown(4),
    )
    normalize: bool = Field(
        default=True,
        title="Normalize",
        description="Vectors of length 1.",
        json_schema_extra=shown(5),
    )
    endpoint: str | None = Field(
        default=None,
        title="Endpoint",
        description="Only for a private endpoint, as a URL.",
        examples=["https://vpce-0123.bedrock-runtime.eu-central-1.vpce.amazonaws.com"],
        json_schema_extra=shown(6),
    )


class Local(Form):
    model_config = about(
        "Local model",
        "Computed inside the connector: no key, no cost, no network. By default all-MiniLM-L6-v2: 384 dimensions, best "
        "for English, chunks of 254 tokens at most.",
    )
    mode: Literal["local"] = "local"
    model_path: str | None = Field(
        default=None,
        min_length=1,
        title="Folder of another model",
        description="Where the connector runs: a folder with `model.onnx` and `tokenizer.json`, and with the files of "
        "sentence-transformers that say how to pool. Not in Airbyte Cloud.",
        examples=["/models/multilingual-e5-small"],
        json_schema_extra=shown(1),
    )
    query_prefix: str | None = prefix_field(2, "question", "query")
    document_prefix: str | None = prefix_field(3, "document", "passage")


class FromField(Form):
    model_config = about("From field", "The records bring their vectors along.")
    mode: Literal["from_field"] = "from_field"
    field_name: str = Field(
        title="Field name",
        description="The record's field that holds the vector, an array of numbers.",
        examples=["embedding", "vector"],
        json_schema_extra=shown(1),
    )
    dimensions: int = Field(
        ge=1,
        title="Embedding dimensions",
        description="How many numbers each vector has.",
        examples=[1536, 384],
        json_schema_extra=shown(2),
    )


class Fake(Form):
    model_config = about(
        "Fake", "Vectors of 1,536 dimensions made from a hash of the text, without meaning: to try out a pipeline."
    )
    mode: Literal["fake"] = "fake"


EmbeddingConfig = Annotated[
    OpenAI | Cohere | Fake | AzureOpenAI | OpenAICompatible | Local | FromField | Bedrock | Voyage,
    Field(discriminator="mode"),
]
