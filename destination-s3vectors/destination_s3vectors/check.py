"""The check: what a sync does, done to the connector's own index. A missing right is named by its IAM action."""

import logging
import uuid

from destination_s3vectors.places import Places
from destination_s3vectors.service_errors import Failure
from vector_ingest.errors import TransientError

logger = logging.getLogger("airbyte.s3vectors")
KEY = "canary#"


def check(places: Places, canary: bool) -> None:
    """ConfigError names what is missing. With `canary`, a vector is put, read and deleted; else only looked for."""
    account = places.account
    key = f"{KEY}{uuid.uuid4().hex}"
    if canary:
        account.write({key: {"check": True}})
        try:
            if account.read(key) is None:
                raise TransientError(
                    f"A vector that was put into {account.name} was not there when it was read. Try again; if this "
                    "stays, the endpoint is no service with strongly consistent reads."
                )
        finally:
            account.remove([key])
    else:
        account.read(key)
    _warn_of_rights_for_some(places, account.index)


def _warn_of_rights_for_some(places: Places, index: str) -> None:
    """Rights that only some syncs need."""
    transport = places.transport
    listed = transport.ask(
        "list vectors", index, lambda: transport.client.list_vectors(indexArn=index, maxResults=1, returnMetadata=True)
    )
    if isinstance(listed, Failure):
        refusal = listed.explained("list vectors", index)
        logger.warning("Syncs that overwrite or refresh a stream will fail: %s", refusal)
    queried = transport.ask(
        "query vectors",
        index,
        lambda: transport.client.query_vectors(
            indexArn=index, topK=1, queryVector={"float32": [1.0]}, returnMetadata=True
        ),
    )
    if isinstance(queried, Failure):
        logger.warning("The command `search` will fail: %s", queried.explained("query vectors", index))
