"""What is listed."""

from typing import Any

from source_s3.listing.objects import list_objects
from source_s3.plan import Selection
from tests.conftest import Bucket
from tests.source_s3.conftest import at


def keys(client: Any, bucket: Bucket, selection: Selection) -> list[str]:
    return sorted(found.key for found in list_objects(at(client, bucket), selection))
