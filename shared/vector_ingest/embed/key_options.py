"""The form's part on keys: where a provider's key is, if it is not in the form."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from vector_ingest.form import Form, about, shown

NO_KEY = SecretStr("")


class FromEnvironment(Form):
    model_config = about("Environment variable", "Of the machine that runs the connector. Not in Airbyte Cloud.")
    source: Literal["environment"] = "environment"
    variable: str = Field(
        min_length=1,
        title="Variable",
        description="The name of the variable that holds the key.",
        examples=["OPENAI_API_KEY"],
        json_schema_extra=shown(1),
    )


class FromSecretsManager(Form):
    model_config = about(
        "AWS Secrets Manager",
        "Read when the connector starts, with the credentials of the machine that runs it: they "
        "need the right secretsmanager:GetSecretValue. Not in Airbyte Cloud.",
    )
    source: Literal["aws_secrets_manager"] = "aws_secrets_manager"
    name: str = Field(
        min_length=1,
        title="Name or ARN",
        description="Of the secret that holds the key.",
        examples=["vectors/openai", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:vectors/openai-AbCdEf"],
        json_schema_extra=shown(1),
    )
    field: str | None = Field(
        default=None,
        title="Field",
        description="Where the secret is a JSON object: the field that holds the key.",
        examples=["api_key"],
        json_schema_extra=shown(2),
    )
    region_name: str | None = Field(
        default=None,
        title="AWS Region",
        description="The region of the secret. If absent, the machine's own is used.",
        examples=["eu-central-1"],
        json_schema_extra=shown(3),
    )
    endpoint: str | None = Field(
        default=None,
        title="Endpoint",
        description="Only for a private endpoint, as a URL.",
        examples=["https://vpce-0123.secretsmanager.eu-central-1.vpce.amazonaws.com"],
        json_schema_extra=shown(4),
    )


KeySource = Annotated[FromEnvironment | FromSecretsManager, Field(discriminator="source")]


def require_key(key: SecretStr, source: KeySource | None, name: str) -> None:
    """ValueError: there is none, or there are two."""
    if not key.get_secret_value() and source is None:
        raise ValueError(f"`{name}` is missing: add it, or say in `key_from` where it is")
    if key.get_secret_value() and source is not None:
        raise ValueError(f"both `{name}` and `key_from` are given: keep one of them")
