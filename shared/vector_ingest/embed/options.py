"""The form's section "Embedding": which model makes the vectors. Names are those of Airbyte's destinations."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


def _about(title: str, description: str) -> ConfigDict:
    # The description stands here, not in a docstring: it is text of the form.
    return ConfigDict(title=title, json_schema_extra={"description": description}, protected_namespaces=())


def _order(number: int, **more: Any) -> dict[str, Any]:
    return {"order": number, **more}


class Metered(BaseModel):
    """What every service that is paid and limited by use has in its section."""

    requests_per_minute: int | None = Field(
        default=None,
        ge=1,
        title="Requests per minute",
        description="No more requests than this are sent. Unset: what the service says of its limits, if it does.",
        examples=[500, 3000],
        json_schema_extra=_order(21),
    )
    tokens_per_minute: int | None = Field(
        default=None,
        ge=1,
        title="Tokens per minute",
        description="No more tokens than this are sent. Unset: what the service says of its limits, if it does. Less "
        "than the account's limit leaves room for others who use it.",
        examples=[1_000_000],
        json_schema_extra=_order(22),
    )
    price_per_million_tokens: float | None = Field(
        default=None,
        ge=0,
        title="Price of a million tokens",
        description="Only to tell at the end of a sync what it cost, in the currency that you think of.",
        examples=[0.02, 0.13],
        json_schema_extra=_order(23),
    )


class OpenAI(Metered):
    model_config = _about("OpenAI", "Vectors from OpenAI's API.")
    mode: Literal["openai"] = "openai"
    openai_key: SecretStr = Field(title="OpenAI API key", json_schema_extra=_order(1))
    model_name: str = Field(
        default="text-embedding-ada-002",
        title="Model name",
        description="An embedding model of OpenAI. A change of model embeds everything again.",
        examples=["text-embedding-ada-002", "text-embedding-3-small", "text-embedding-3-large"],
        json_schema_extra=_order(2),
    )
    dimensions: int | None = Field(
        default=None,
        ge=1,
        title="Embedding dimensions",
        description="Shorter vectors than the model's own. Only text-embedding-3 and later can shorten.",
        examples=[512, 1024],
        json_schema_extra=_order(3),
    )
    base_url: str | None = Field(
        default=None,
        title="Base URL",
        description="Another address of the same API, such as a proxy or a regional host.",
        examples=["https://eu.api.openai.com/v1"],
        json_schema_extra=_order(4),
    )


class AzureOpenAI(Metered):
    model_config = _about("Azure OpenAI", "Vectors from a deployment of an OpenAI model in Azure.")
    mode: Literal["azure_openai"] = "azure_openai"
    openai_key: SecretStr = Field(
        title="Azure OpenAI API key",
        description="In the Azure portal, under your Azure OpenAI resource: Keys and Endpoint.",
        json_schema_extra=_order(1),
    )
    api_base: str = Field(
        title="Resource base URL",
        description="In the Azure portal, under your Azure OpenAI resource: Keys and Endpoint.",
        examples=["https://your-resource-name.openai.azure.com"],
        json_schema_extra=_order(2),
    )
    deployment: str = Field(
        title="Deployment",
        description="The name that you gave the model's deployment.",
        examples=["your-deployment-name"],
        json_schema_extra=_order(3),
    )
    dimensions: int = Field(
        default=1536,
        ge=1,
        title="Embedding dimensions",
        description="How many numbers a vector of the deployed model has.",
        examples=[1536, 3072],
        json_schema_extra=_order(4),
    )
    api_version: str = Field(
        default="2024-10-21",
        title="API version",
        description="The version of Azure's API to ask for.",
        json_schema_extra=_order(5),
    )


class OpenAICompatible(Metered):
    model_config = _about("OpenAI-compatible", "Vectors from any service that speaks OpenAI's embeddings API.")
    mode: Literal["openai_compatible"] = "openai_compatible"
    api_key: SecretStr = Field(
        default=SecretStr(""),
        title="API key",
        description="Empty where the service asks for none.",
        json_schema_extra=_order(1),
    )
    base_url: str = Field(
        title="Base URL",
        description="The address before `/embeddings`.",
        examples=["https://your-service-name.com/v1"],
        json_schema_extra=_order(2),
    )
    model_name: str = Field(
        default="text-embedding-ada-002",
        title="Model name",
        description="The model as the service calls it.",
        examples=["text-embedding-ada-002", "BAAI/bge-m3"],
        json_schema_extra=_order(3),
    )
    dimensions: int = Field(
        ge=1,
        title="Embedding dimensions",
        description="How many numbers a vector of the model has.",
        examples=[1536, 384],
        json_schema_extra=_order(4),
    )


class Cohere(Metered):
    model_config = _about("Cohere", "Vectors from Cohere's API.")
    mode: Literal["cohere"] = "cohere"
    cohere_key: SecretStr = Field(title="Cohere API key", json_schema_extra=_order(1))
    model_name: str = Field(
        default="embed-english-light-v2.0",
        title="Model name",
        description="An embedding model of Cohere. A change of model embeds everything again.",
        examples=["embed-english-light-v2.0", "embed-multilingual-v3.0"],
        json_schema_extra=_order(2),
    )
    base_url: str | None = Field(
        default=None,
        title="Base URL",
        description="Another address of the same API, such as a proxy.",
        examples=["https://api.cohere.com"],
        json_schema_extra=_order(3),
    )


class Local(BaseModel):
    model_config = _about(
        "Local model (all-MiniLM-L6-v2)",
        "384 dimensions, computed inside the connector: no key, no cost, no network. Best for English. The chunk size "
        "can be 254 tokens at most.",
    )
    mode: Literal["local"] = "local"


class FromField(BaseModel):
    model_config = _about("From field", "The records bring their vectors along.")
    mode: Literal["from_field"] = "from_field"
    field_name: str = Field(
        title="Field name",
        description="The record's field that holds the vector, an array of numbers.",
        examples=["embedding", "vector"],
        json_schema_extra=_order(1),
    )
    dimensions: int = Field(
        ge=1,
        title="Embedding dimensions",
        description="How many numbers each vector has.",
        examples=[1536, 384],
        json_schema_extra=_order(2),
    )


class Fake(BaseModel):
    model_config = _about(
        "Fake", "Vectors of 1,536 dimensions made from a hash of the text, without meaning: to try out a pipeline."
    )
    mode: Literal["fake"] = "fake"


EmbeddingConfig = Annotated[
    OpenAI | Cohere | Fake | AzureOpenAI | OpenAICompatible | Local | FromField, Field(discriminator="mode")
]
