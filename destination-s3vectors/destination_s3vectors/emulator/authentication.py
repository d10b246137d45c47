"""Whether a request is signed: that a signature of Signature Version 4 is there and well formed, not that it is right.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from destination_s3vectors.emulator.errors import ServiceError

CREDENTIAL = re.compile(r"[^/\s]+/[0-9]{8}/[a-z0-9-]+/s3vectors/aws4_request")
SIGNATURE = re.compile(r"[0-9a-f]{64}")
ALGORITHM = "AWS4-HMAC-SHA256"


def check(headers: Mapping[str, str], target: str) -> None:
    """`headers`: names in lower case. Raises an error with status 403.

    Guess: which code it has.
    """
    header = headers.get("authorization")
    query = parse_qs(urlsplit(target).query)
    if header is not None:
        algorithm, _, rest = header.strip().partition(" ")
        parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
        credential, signature = parts.get("Credential", ""), parts.get("Signature", "")
        names, date = parts.get("SignedHeaders", ""), headers.get("x-amz-date") or headers.get("date", "")
    elif "X-Amz-Signature" in query or "X-Amz-Algorithm" in query:
        algorithm, credential, signature, names, date = (
            query.get(f"X-Amz-{name}", [""])[0]
            for name in ("Algorithm", "Credential", "Signature", "SignedHeaders", "Date")
        )
    else:
        raise ServiceError("MissingAuthenticationTokenException", 403, "Missing Authentication Token")
    sound = algorithm == ALGORITHM and CREDENTIAL.fullmatch(credential) and SIGNATURE.fullmatch(signature)
    if not sound or not date or "host" not in names.split(";"):
        raise ServiceError(
            "IncompleteSignatureException",
            403,
            f"The request needs a signature of {ALGORITHM} for the service s3vectors, with Credential, SignedHeaders "
            "(host among them), Signature and a date",
        )
