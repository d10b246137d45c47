"""The operations on vectors."""

from typing import Any

from destination_s3vectors.emulator.account import Account
from destination_s3vectors.emulator.errors import validation
from destination_s3vectors.emulator.names import index_arn
from destination_s3vectors.emulator.paging import place, token, with_token
from destination_s3vectors.emulator.records import check_distinct, check_keys, records
from destination_s3vectors.emulator.throttle import Throttle
from destination_s3vectors.emulator.vectors import Stored
from destination_s3vectors.emulator.wire import Body, Parameters
from destination_s3vectors.service import limits


class VectorCalls:
    def __init__(self, throttle: Throttle) -> None:
        """Writes pass through `throttle`.

        It comes after the reading of the body: the index and the number of vectors are nowhere else.
        """
        self._throttle = throttle

    def put_vectors(self, account: Account, request: Parameters) -> Body:
        index = account.index(index_arn(account.owner, request))
        self._throttle.take(index.settings.arn, len(request["vectors"]))
        settings = index.settings
        found = records(request["vectors"], settings.dimension, settings.metric, frozenset(settings.non_filterable))
        with account.still(index):
            account.put(index, found)
        return {}

    def delete_vectors(self, account: Account, request: Parameters) -> Body:
        index = account.index(index_arn(account.owner, request))
        self._throttle.take(index.settings.arn, len(request["keys"]))
        check_keys(request["keys"])
        check_distinct(request["keys"])
        with account.still(index):
            account.delete(index, request["keys"])
        return {}


def get_vectors(account: Account, request: Parameters) -> Body:
    check_keys(request["keys"])
    with account.locked(index_arn(account.owner, request)) as index:
        found = index.vectors.get(request["keys"])
    return {"vectors": [_answered(stored, request) for stored in found]}


def list_vectors(account: Account, request: Parameters) -> Body:
    segment, segments = _segment(request)
    most = request.get("maxResults", limits.LIST_PAGE_DEFAULT)
    with account.locked(index_arn(account.owner, request)) as index:
        listing = f"vectors {index.settings.uid} {segment}/{segments}"
        last = place(listing, request.get("nextToken")) or 0
        page: list[Stored] = []
        processed = 0
        for stored in index.vectors.after(int(last), segment, segments):
            if len(page) == most or processed > limits.LIST_PAGE_BYTES:
                return with_token(_listed(page, request), token(listing, page[-1].sequence))
            page.append(stored)
            processed += stored.size
    return _listed(page, request)


def query_vectors(account: Account, request: Parameters) -> Body:
    from destination_s3vectors.emulator.query import query

    with account.locked(index_arn(account.owner, request)) as index:
        view = index.view()
    return query(view, request)  # outside of the lock: writes don't wait for it


def _segment(request: Parameters) -> tuple[int, int]:
    count, index = request.get("segmentCount"), request.get("segmentIndex")
    if (count is None) != (index is None):
        raise validation("segmentCount and segmentIndex must be specified together")
    if count is None or index is None:
        return 0, 1
    if index >= count:
        raise validation(
            "segmentIndex must be less than segmentCount", ("segmentIndex", "Must be less than segmentCount")
        )
    return index, count


def _listed(page: list[Stored], request: Parameters) -> Body:
    return {"vectors": [_answered(stored, request) for stored in page]}


def _answered(stored: Stored, request: Parameters) -> dict[str, Any]:
    answer: dict[str, Any] = {"key": stored.key}
    if request.get("returnData"):
        answer["data"] = {"float32": stored.vector}
    if request.get("returnMetadata"):
        answer["metadata"] = stored.metadata or {}
    return answer
