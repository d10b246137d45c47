"""What each new connection is made with: address, encryption, and who signs in."""

import re
from typing import TYPE_CHECKING, Any

from destination_pgvector.connection_options import (
    ByIam,
    KeyTunnel,
    PasswordTunnel,
    VerifyCa,
    VerifyFull,
    url_parameters,
)
from destination_pgvector.server.parameters import ADAPTERS
from destination_pgvector.server.secret_files import SecretFiles
from destination_pgvector.server.tunnel import SshTunnel

if TYPE_CHECKING:
    from pydantic import SecretStr

    from destination_pgvector.config import Indexing

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html
RDS_HOST = re.compile(r"\.(?P<region>[a-z0-9-]+)\.rds\.amazonaws\.com(\.cn)?$")
PORT = 5432
OPEN = ("disable", "allow", "prefer")  # modes that may not encrypt
FIXED: dict[str, Any] = {
    "keepalives_idle": 60,  # seconds: a server that vanished is noticed before the platform gives up
    "application_name": "airbyte destination-pgvector",
    "prepare_threshold": None,  # poolers such as PgBouncer lose prepared statements
    "context": ADAPTERS,
}
# Whatever a URL, a role, the machine or the database's own encoding says: COPY and arrays are written as UTF-8.
ENCODING = {"client_encoding": "utf8"}


class Access:
    """Called for each connection, it gives its parameters. `place` names the server in messages."""

    def __init__(self, indexing: "Indexing") -> None:
        """Nothing is reached before the first call."""
        self._files = SecretFiles()
        self._parameters = {**FIXED, "connect_timeout": indexing.connect_timeout, **_address(indexing), **ENCODING}
        host, port = str(self._parameters["host"]), self._parameters.setdefault("port", PORT)
        self.place = f"{host}:{port}/{self._parameters['dbname']}"
        self._encrypt(indexing)
        self._token: _Token | None = None
        if isinstance(indexing.authentication, ByIam):
            self._token = _Token(indexing.authentication, host, int(port), str(self._parameters["user"]))
        form = indexing.tunnel_method
        self._tunnel = SshTunnel(form, host, int(port)) if isinstance(form, KeyTunnel | PasswordTunnel) else None

    def __call__(self) -> dict[str, Any]:
        """ConfigError or TransientError: the jump server or AWS refuses."""
        parameters = dict(self._parameters)
        if self._token:
            parameters["password"] = self._token()
        if self._tunnel:
            # `host` stays what the certificate is compared with.
            parameters["hostaddr"], parameters["port"] = self._tunnel.address()
        return parameters

    @property
    def refusal(self) -> str:
        """What a jump server said when it could not lead on to the database."""
        return self._tunnel.refusal if self._tunnel else ""

    def close(self) -> None:
        if self._tunnel:
            self._tunnel.close()
        self._files.close()

    def _encrypt(self, indexing: "Indexing") -> None:
        """The form's mode, unless a URL has one and the form's is the default."""
        form = indexing.ssl_mode
        if "sslmode" not in self._parameters or form.mode != "prefer":
            self._parameters["sslmode"] = form.mode
        if isinstance(indexing.authentication, ByIam) and self._parameters["sslmode"] in OPEN:
            self._parameters["sslmode"] = "require"  # a token must not go over an open line
        if isinstance(form, VerifyCa | VerifyFull):
            self._add_file("sslrootcert", form.ca_certificate)
            self._add_file("sslcert", form.client_certificate)
            self._add_file("sslkey", form.client_key)
            if form.client_key_password:
                self._parameters["sslpassword"] = form.client_key_password.get_secret_value()

    def _add_file(self, parameter: str, content: "SecretStr | None") -> None:
        if content:
            self._parameters[parameter] = self._files.write(parameter, content.get_secret_value())


class _Token:
    """Makes the token of a connection, from credentials that AWS renews as long as the sync lasts."""

    def __init__(self, form: ByIam, host: str, port: int, user: str) -> None:
        found = RDS_HOST.search(host)
        self._form = form
        self._region = form.region_name or (found["region"] if found else None)
        self._endpoint = {"DBHostname": host, "Port": port, "DBUsername": user}
        self._client: Any = None

    def __call__(self) -> str:
        from vector_ingest.aws.clients import service_client
        from vector_ingest.aws.errors import aws_errors
        from vector_ingest.aws.sign_in import PATIENCE, session

        with aws_errors("sign a token for the database"):
            if self._client is None:
                signed_in = session(self._form.credentials, self._region)
                self._client = service_client(signed_in, "rds", self._region, None, PATIENCE)
            return str(self._client.generate_db_auth_token(**self._endpoint))


def _address(indexing: "Indexing") -> dict[str, Any]:
    password = indexing.credentials.password.get_secret_value() if indexing.credentials else None
    if indexing.url:
        found = url_parameters(indexing.url.get_secret_value())
        return {"password": password, **found} if password else found
    return {
        "host": indexing.host,
        "port": indexing.port,
        "dbname": indexing.database,
        "user": indexing.username,
        **({"password": password} if password is not None else {}),
    }
