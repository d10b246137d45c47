"""The parts of the form that say how the server is reached: encryption, an SSH tunnel, and who signs in.

Encryption and tunnel are named as in Airbyte's own connectors: https://docs.airbyte.com/integrations/sources/postgres
"""

import re
from typing import Annotated, Any, Literal

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, field_validator, model_validator

from vector_ingest.aws.credentials import DefaultCredentials, IamRole, IamUser
from vector_ingest.form import Form, about, shown

# Of a URL: the parameters of libpq that name no file of the machine, which in the cloud is not the user's.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
URL_PARAMETERS = frozenset(
    [
        *("host", "hostaddr", "port", "dbname", "user", "password"),
        *("sslmode", "ssl_min_protocol_version", "sslnegotiation", "sslsni", "channel_binding", "gssencmode"),
        *("target_session_attrs", "load_balance_hosts", "options", "application_name", "client_encoding"),
        *("connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
        *("tcp_user_timeout", "require_auth"),
    ]
)
PEM = re.compile(r"-----BEGIN (?P<kind>[A-Z0-9 ]+)-----(?P<body>.*?)-----END (?P=kind)-----", re.DOTALL)


def pem(text: str) -> str:
    """PEM with its line breaks, also where a form has made one line of it. ValueError: it is none."""
    text = text.replace("\\n", "\n").replace("\r\n", "\n").strip()
    found = list(PEM.finditer(text))
    if not found:
        raise ValueError("expected PEM text, which begins with a line -----BEGIN …-----")
    if "\n" in text:
        return text + "\n"
    return "".join(
        "\n".join([f"-----BEGIN {part['kind']}-----", *part["body"].split(), f"-----END {part['kind']}-----", ""])
        for part in found
    )


class Disable(Form):
    model_config = about("disable", "Never encrypt.")
    mode: Literal["disable"] = "disable"


class Allow(Form):
    model_config = about("allow", "Encrypt only where the server insists.")
    mode: Literal["allow"] = "allow"


class Prefer(Form):
    model_config = about("prefer", "Encrypt where the server can.")
    mode: Literal["prefer"] = "prefer"


class Require(Form):
    model_config = about("require", "Always encrypt. Who the server is, is not checked.")
    mode: Literal["require"] = "require"


class _Certificates(Form):
    ca_certificate: SecretStr | None = Field(
        default=None,
        title="CA certificate",
        description="The certificates, as PEM, of the authority that signed the server's. If absent: those in "
        "~/.postgresql/root.crt of the machine.",
        json_schema_extra=shown(1, multiline=True),
    )
    client_certificate: SecretStr | None = Field(
        default=None,
        title="Client certificate",
        description="As PEM, where the server asks clients for one.",
        json_schema_extra=shown(2, multiline=True),
    )
    client_key: SecretStr | None = Field(
        default=None,
        title="Client key",
        description="The private key of the client certificate, as PEM.",
        json_schema_extra=shown(3, multiline=True),
    )
    client_key_password: SecretStr | None = Field(
        default=None,
        title="Client key password",
        description="Where the client key is encrypted.",
        json_schema_extra=shown(4),
    )

    @field_validator("ca_certificate", "client_certificate", "client_key", "client_key_password", mode="before")
    @classmethod
    def _empty_is_absent(cls, value: Any) -> Any:
        return value or None

    @field_validator("ca_certificate", "client_certificate", "client_key")
    @classmethod
    def _is_pem(cls, value: SecretStr | None) -> SecretStr | None:
        return value and SecretStr(pem(value.get_secret_value()))

    @model_validator(mode="after")
    def _pairs(self) -> "_Certificates":
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("one of `client_certificate` and `client_key` is missing: give both or none")
        return self


class VerifyCa(_Certificates):
    model_config = about("verify-ca", "Always encrypt, and check that the authority signed the server's certificate.")
    mode: Literal["verify-ca"] = "verify-ca"


class VerifyFull(_Certificates):
    model_config = about("verify-full", "As verify-ca, and check that the certificate is the host's. The safest.")
    mode: Literal["verify-full"] = "verify-full"


SslMode = Annotated[Disable | Allow | Prefer | Require | VerifyCa | VerifyFull, Field(discriminator="mode")]


class NoTunnel(Form):
    model_config = about("No tunnel", "The server is reached directly.")
    tunnel_method: Literal["NO_TUNNEL"] = "NO_TUNNEL"


class _Tunnel(Form):
    tunnel_host: str = Field(
        min_length=1,
        title="SSH tunnel jump server host",
        description="The server that the connection goes through. The host of the database is as it sees it.",
        json_schema_extra=shown(1),
    )
    tunnel_port: int = Field(
        default=22,
        ge=1,
        le=65535,
        title="SSH connection port",
        description="The port of its SSH server.",
        json_schema_extra=shown(2),
    )
    tunnel_user: str = Field(
        min_length=1,
        title="SSH login username",
        description="The user to sign in there as.",
        json_schema_extra=shown(3),
    )
    tunnel_host_key: str | None = Field(
        default=None,
        title="SSH host key",
        description="The public key of the jump server, as in known_hosts or /etc/ssh/ssh_host_ed25519_key.pub. With "
        "it, no other server is spoken to; without it, the log says which key was found.",
        examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI…"],
        json_schema_extra=shown(5),
    )


class KeyTunnel(_Tunnel):
    model_config = about("SSH key authentication", "Through a jump server, signed in with a private key.")
    tunnel_method: Literal["SSH_KEY_AUTH"] = "SSH_KEY_AUTH"
    ssh_key: SecretStr = Field(
        title="SSH private key",
        description="As ssh-keygen writes it (RSA, ECDSA or Ed25519), without a passphrase.",
        json_schema_extra=shown(4, multiline=True),
    )

    @field_validator("ssh_key")
    @classmethod
    def _is_pem(cls, value: SecretStr) -> SecretStr:
        return SecretStr(pem(value.get_secret_value()))


class PasswordTunnel(_Tunnel):
    model_config = about("Password authentication", "Through a jump server, signed in with a password.")
    tunnel_method: Literal["SSH_PASSWORD_AUTH"] = "SSH_PASSWORD_AUTH"
    tunnel_user_password: SecretStr = Field(
        title="Password", description="Of the user on the jump server.", json_schema_extra=shown(4)
    )


Tunnel = KeyTunnel | PasswordTunnel
TunnelMethod = Annotated[NoTunnel | KeyTunnel | PasswordTunnel, Field(discriminator="tunnel_method")]


class ByPassword(Form):
    model_config = about("Password", "With the password of the credentials.")
    method: Literal["password"] = "password"


class ByIam(Form):
    model_config = about(
        "AWS IAM",
        "For RDS and Aurora: each connection signs in with a token of AWS that is good for 15 minutes. It is always "
        "encrypted.",
    )
    method: Literal["aws_iam"] = "aws_iam"
    region_name: str | None = Field(
        default=None,
        title="AWS region",
        description="Of the database. If absent: the one in the host's name, or the machine's.",
        examples=["eu-central-1"],
        json_schema_extra=shown(1),
    )
    credentials: Annotated[IamUser | IamRole | DefaultCredentials, Field(discriminator="auth_type")] = Field(
        default=DefaultCredentials(auth_type="default_credentials"),
        title="AWS credentials",
        description="Who asks AWS for the token. It needs the right rds-db:connect for the database user.",
        json_schema_extra=shown(2),
    )


Authentication = Annotated[ByPassword | ByIam, Field(discriminator="method")]


def url_parameters(url: str) -> dict[str, Any]:
    """What a URL says, by libpq's names. ValueError without its text, which may hold a password."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("expected a URL that begins with postgresql://")
    try:
        found = conninfo_to_dict(url)
    except ProgrammingError:
        expected = "postgresql://user:password@host:5432/database?sslmode=require"
        raise ValueError(
            f"the URL can't be read: expected {expected}, with special characters of the parts as %XX"
        ) from None
    if strange := ", ".join(sorted(found.keys() - URL_PARAMETERS)):
        raise ValueError(
            f"the URL has parameters that are not taken: {strange}. Set them in the form, or leave them out"
        )
    if missing := [name for name in ("host", "user", "dbname") if not found.get(name)]:
        raise ValueError(f"the URL lacks {' and '.join(missing)}: expected postgresql://user:password@host/database")
    return found
