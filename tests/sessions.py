"""Sessions of the AWS clients that tests make themselves."""

from botocore.session import Session
from pydantic import SecretStr

from vector_ingest.aws.credentials import IamUser
from vector_ingest.aws.sign_in import session


def signed_in(key: str, secret: str, region: str | None = None) -> Session:
    keys = {"aws_access_key_id": SecretStr(key), "aws_secret_access_key": SecretStr(secret)}
    return session(IamUser(**keys), region)
