"""Which IAM actions a call needs (the documentation of each operation in the service model)."""

from destination_s3vectors.emulator.wire import Call

# Members of a request that also need another action.
ALSO = {
    ("CreateVectorBucket", "tags"): "s3vectors:TagResource",
    ("CreateIndex", "tags"): "s3vectors:TagResource",
    ("ListVectors", "returnData"): "s3vectors:GetVectors",
    ("ListVectors", "returnMetadata"): "s3vectors:GetVectors",
    ("QueryVectors", "filter"): "s3vectors:GetVectors",
    ("QueryVectors", "returnMetadata"): "s3vectors:GetVectors",
    ("QueryVectors", "queryTexts"): "s3vectors:GetVectors",
}


def actions(call: Call) -> frozenset[str]:
    # A filter that is there counts also where it is empty; a false switch does not.
    also = {
        action
        for (operation, member), action in ALSO.items()
        if operation == call.operation and call.parameters.get(member, False) is not False
    }
    return frozenset({f"s3vectors:{call.operation}"} | also)
