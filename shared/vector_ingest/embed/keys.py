"""A provider's key: from the form, from the environment or from AWS Secrets Manager. It is never told to anyone."""

import os
from contextlib import closing

import orjson
from botocore import exceptions
from botocore.config import Config
from pydantic import SecretStr

from vector_ingest.aws.clients import service_client
from vector_ingest.aws.credentials import DefaultCredentials
from vector_ingest.aws.errors import aws_errors
from vector_ingest.aws.sign_in import in_cloud, session
from vector_ingest.embed.key_options import FromEnvironment, FromSecretsManager, KeySource
from vector_ingest.errors import ConfigError

PATIENCE = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard"}, signature_version="v4")
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
_REMEDIES = {
    "ResourceNotFoundException": "Check its name, and the region",
    "AccessDeniedException": "Grant secretsmanager:GetSecretValue on it, and kms:Decrypt where it has a key of its own",
    "DecryptionFailure": "Grant kms:Decrypt on the key that encrypts it",
    "InvalidRequestException": "Check that it is not to be deleted",
}


def key_of(given: SecretStr, source: KeySource | None) -> str:
    """Without white space at its ends: pasted keys often end in a line break.

    ConfigError: it is not there, or no key, or may not be looked for in the cloud, where the machine is the platform's.
    """
    key = _found(given, source).strip()
    if not (key.isascii() and key.isprintable()):  # no header can carry it, and a client would print it to say so
        raise ConfigError(
            "The key of the embedding service holds a character that no key has (a line break, a tab, or one that is "
            "not ASCII). Copy it anew."
        )
    return key


def _found(given: SecretStr, source: KeySource | None) -> str:
    match source:
        case None:
            return given.get_secret_value()
        case FromEnvironment():
            _refuse_in_cloud("a variable of the environment")
            return _from_environment(source)
        case FromSecretsManager():
            _refuse_in_cloud("AWS Secrets Manager")
            return _from_secret(source)


def _refuse_in_cloud(place: str) -> None:
    if in_cloud():
        raise ConfigError(f"A key can't be taken from {place} in the cloud. Give the key itself in the form.")


def _from_environment(source: FromEnvironment) -> str:
    key = os.environ.get(source.variable, "")
    if not key.strip():
        raise ConfigError(
            f"The environment variable {source.variable}, named in `embedding.key_from`, is "
            f"{'empty' if source.variable in os.environ else 'not set'}: set it where the connector runs."
        )
    return key


def _from_secret(source: FromSecretsManager) -> str:
    what = f"the secret {source.name}"
    content = _secret(source, what)
    if not isinstance(content, str):
        raise ConfigError(f"Expected a text in {what}, found binary data. Store the key as a text.")
    key = _field(content, source.field, what) if source.field else content
    if not key.strip():
        raise ConfigError(f"Expected a key in {what}, found nothing. Store the key there.")
    return key


def _secret(source: FromSecretsManager, what: str) -> object:
    signed_in = session(DefaultCredentials(), source.region_name)
    client = service_client(signed_in, "secretsmanager", source.region_name, source.endpoint, PATIENCE)
    with aws_errors(f"read {what}"), closing(client):
        try:
            return client.get_secret_value(SecretId=source.name).get("SecretString")
        except exceptions.ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code not in _REMEDIES:
                raise
            raise ConfigError(f"Could not read {what}: {code}. {_REMEDIES[code]}.") from error


def _field(content: str, name: str, what: str) -> str:
    try:
        fields = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise ConfigError(
            f"Expected a JSON object with the field {name} in {what}, found another text. Leave `field` out."
        ) from None
    if not isinstance(fields, dict) or not isinstance(fields.get(name), str):
        found = ", ".join(sorted(fields)) if isinstance(fields, dict) else type(fields).__name__
        raise ConfigError(f"Expected the field {name} with a text in {what}, found {found}. Check `field`.")
    return str(fields[name])
