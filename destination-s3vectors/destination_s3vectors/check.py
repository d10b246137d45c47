"""The check: what a sync does, done to the connector's own index. A missing right is named by its IAM action."""

import logging
import uuid
from collections.abc import Callable, Sequence

from destination_s3vectors.indexes.account import Account
from destination_s3vectors.indexes.places import Places
from destination_s3vectors.service.service_errors import Failure
from vector_ingest.errors import ConfigError, TransientError

logger = logging.getLogger("airbyte.s3vectors")
KEY = "canary#"
PATIENCE = 5.0  # seconds without success; somebody waits for the answer


def check(places: Places, canary: bool) -> None:
    """ConfigError names all that is missing. With `canary`, a vector is put, read and deleted; else nothing is written.

    The vector bucket and the connector's own index stay, as every sync needs them.
    """
    account = places.account if canary else places.account_if_there()
    if account is None:
        logger.info("Nothing was tried: the index of the connector is not there yet, and canary is not set.")
        return
    if refusals := _refusals(places, account, canary):
        raise ConfigError("\n".join(refusals))
    _warn_if_search_fails(places, account.index)


def _refusals(places: Places, account: Account, canary: bool) -> list[str]:
    """What the user must mend, each once."""
    key = f"{KEY}{uuid.uuid4().hex}"
    looking = [lambda: account.read(key), lambda: _list(places, account.index)]
    if not canary:
        return _tried(looking)
    # What is not there can be deleted as well: nothing is put that can't be taken away again.
    undeletable = _tried([lambda: account.remove([key])])
    writing = [] if undeletable else [lambda: _put_read_delete(account, key)]
    return list(dict.fromkeys([*undeletable, *_tried([places.prove_right_to_create, *looking, *writing])]))


def _list(places: Places, index: str) -> None:
    client = places.transport.client
    answer = places.transport.ask("list vectors", index, lambda: client.list_vectors(indexArn=index, maxResults=1))
    if isinstance(answer, Failure):
        raise answer.explained("list vectors", index)


def _put_read_delete(account: Account, key: str) -> None:
    account.write({key: {"check": True}})
    try:
        if account.read(key) is None:
            raise TransientError(
                f"A vector that was put into {account.name} was not there when it was read. Try again; if this "
                "stays, the endpoint is no service with strongly consistent reads."
            )
    finally:
        account.remove([key])


def _tried(calls: Sequence[Callable[[], object]]) -> list[str]:
    refusals = []
    for call in calls:
        try:
            call()
        except ConfigError as error:
            refusals.append(str(error))
    return refusals


def _warn_if_search_fails(places: Places, index: str) -> None:
    """Syncs don't search."""
    transport = places.transport
    queried = transport.ask(
        "query vectors",
        index,
        lambda: transport.client.query_vectors(
            indexArn=index, topK=1, queryVector={"float32": [1.0]}, returnMetadata=True
        ),
    )
    if isinstance(queried, Failure):
        logger.warning("The command `search` will fail: %s", queried.explained("query vectors", index))
