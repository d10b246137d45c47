"""The forms of OpenAI, of Azure, and of the services that speak OpenAI's embeddings API."""

from typing import Literal

from pydantic import Field, SecretStr, model_validator

from vector_ingest.embed.form_pieces import (
    Address,
    Metered,
    OptionalAddress,
    key_from_field,
    normalize_field,
    prefix_field,
)
from vector_ingest.embed.key_options import NO_KEY, KeySource, require_key
from vector_ingest.form import about, shown


class OpenAI(Metered):
    model_config = about("OpenAI", "Vectors from OpenAI's API.")
    mode: Literal["openai"] = "openai"
    openai_key: SecretStr = Field(default=NO_KEY, title="OpenAI API key", json_schema_extra=shown(1))
    model_name: str = Field(
        default="text-embedding-ada-002",
        title="Model name",
        description="An embedding model of OpenAI. A change of model embeds everything again.",
        examples=["text-embedding-ada-002", "text-embedding-3-small", "text-embedding-3-large"],
        json_schema_extra=shown(2),
    )
    dimensions: int | None = Field(
        default=None,
        ge=1,
        title="Embedding dimensions",
        description="Shorter vectors than the model's own. Only text-embedding-3 and later can shorten.",
        examples=[512, 1024],
        json_schema_extra=shown(3),
    )
    base_url: OptionalAddress = Field(
        default=None,
        title="Base URL",
        description="Another address of the same API, such as a proxy or a regional host.",
        examples=["https://eu.api.openai.com/v1"],
        json_schema_extra=shown(4),
    )
    organization: str | None = Field(
        default=None,
        title="Organization",
        description="The ID of the organization that pays, where the key belongs to several.",
        examples=["org-AbCdEf"],
        json_schema_extra=shown(5),
    )
    project: str | None = Field(
        default=None,
        title="Project",
        description="The ID of the project that pays, where the key belongs to several.",
        examples=["proj_AbCdEf"],
        json_schema_extra=shown(6),
    )
    key_from: KeySource | None = key_from_field(7)

    @model_validator(mode="after")
    def _has_a_key(self) -> "OpenAI":
        require_key(self.openai_key, self.key_from, "openai_key")
        return self


class AzureOpenAI(Metered):
    model_config = about("Azure OpenAI", "Vectors from a deployment of an OpenAI model in Azure.")
    mode: Literal["azure_openai"] = "azure_openai"
    openai_key: SecretStr = Field(
        default=NO_KEY,
        title="Azure OpenAI API key",
        description="In the Azure portal, under your Azure OpenAI resource: Keys and Endpoint.",
        json_schema_extra=shown(1),
    )
    api_base: Address = Field(
        title="Resource base URL",
        description="In the Azure portal, under your Azure OpenAI resource: Keys and Endpoint.",
        examples=["https://your-resource-name.openai.azure.com"],
        json_schema_extra=shown(2),
    )
    deployment: str = Field(
        title="Deployment",
        description="The name that you gave the model's deployment.",
        examples=["your-deployment-name"],
        json_schema_extra=shown(3),
    )
    dimensions: int = Field(
        default=1536,
        ge=1,
        title="Embedding dimensions",
        description="How many numbers a vector of the deployed model has.",
        examples=[1536, 3072],
        json_schema_extra=shown(4),
    )
    api_version: str = Field(
        default="2024-10-21",
        title="API version",
        description="The version of Azure's API to ask for.",
        json_schema_extra=shown(5),
    )
    shorten: bool = Field(
        default=False,
        title="Ask for these dimensions",
        description="Have the model shorten its vectors to the dimensions above. Only text-embedding-3 and later can.",
        json_schema_extra=shown(6),
    )
    key_from: KeySource | None = key_from_field(7)

    @model_validator(mode="after")
    def _has_a_key(self) -> "AzureOpenAI":
        require_key(self.openai_key, self.key_from, "openai_key")
        return self


class OpenAICompatible(Metered):
    model_config = about("OpenAI-compatible", "Vectors from any service that speaks OpenAI's embeddings API.")
    mode: Literal["openai_compatible"] = "openai_compatible"
    api_key: SecretStr = Field(
        default=SecretStr(""),
        title="API key",
        description="Empty where the service asks for none.",
        json_schema_extra=shown(1),
    )
    base_url: Address = Field(
        title="Base URL",
        description="The address before `/embeddings`.",
        examples=["https://your-service-name.com/v1"],
        json_schema_extra=shown(2),
    )
    model_name: str = Field(
        default="text-embedding-ada-002",
        title="Model name",
        description="The model as the service calls it.",
        examples=["text-embedding-ada-002", "BAAI/bge-m3"],
        json_schema_extra=shown(3),
    )
    dimensions: int = Field(
        ge=1,
        title="Embedding dimensions",
        description="How many numbers a vector of the model has.",
        examples=[1536, 384],
        json_schema_extra=shown(4),
    )
    shorten: bool = Field(
        default=False,
        title="Ask for these dimensions",
        description="Have the model shorten its vectors to the dimensions above. Few models can, and servers refuse it "
        "for the others.",
        json_schema_extra=shown(5),
    )
    query_prefix: str | None = prefix_field(6, "question", "query")
    document_prefix: str | None = prefix_field(7, "document", "passage")
    normalize: bool = normalize_field(8)
    key_from: KeySource | None = key_from_field(9)

    @model_validator(mode="after")
    def _has_one_key(self) -> "OpenAICompatible":
        if self.key_from is not None:
            require_key(self.api_key, self.key_from, "api_key")
        return self
