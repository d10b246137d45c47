"""What Amazon S3 Vectors allows, as data. The service's own model (botocore, `s3vectors`) holds the lengths of names.

Sources, read in November 2026:
    limits     https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html
    practices  https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-best-practices.html
    model      the documentation in botocore's service model: ListVectors, TagResource
    measured   on the service in September 2026 by the authors of the npm package @farukada/aws-langchain-s3-vector-ts
               (docs/evidence/metadata-limits.md, metadata-value-types.md)
"""

from datetime import UTC, datetime

# One call
PUT_VECTORS = 500
DELETE_VECTORS = 500
GET_VECTORS = 100
LIST_PAGE = 1000  # vectors, or fewer: a page also ends when 1 MB was processed
LIST_PAGE_DEFAULT = 500  # model
LIST_PAGE_BYTES = 1_000_000
LIST_RESOURCES = 500  # buckets or indexes
SEGMENTS = 16  # of a parallel listing
BODY_BYTES = 20 * 1024 * 1024
TOP_K = 10_000
QUERY_PAGE = 100  # results

# One index, writes: puts and deletes together
REQUESTS_PER_SECOND = 1_000
VECTORS_PER_SECOND = 2_500
INDEXES_PER_BUCKET = 10_000
BUCKETS = 10_000  # of an account in a Region
TAGS = 50  # of a bucket or an index; model

# One vector
DIMENSIONS = 4_096
KEY_CHARACTERS = 1_024
METADATA_BYTES = 40 * 1024  # filterable and not
FILTERABLE_BYTES = 2 * 1024
METADATA_KEYS = 50
NON_FILTERABLE_KEYS = 10  # fixed when the index is made
TEXT_SEARCH_KEYS = 10  # model
METADATA_OBJECT = 4  # measured, as the next three: bytes that the service counts, whatever the JSON looks like
METADATA_ENTRY = 8  # and the key's UTF-8; a string counts its UTF-8, a boolean nothing
METADATA_NUMBER = 4
METADATA_ELEMENT = 4  # of a list, and the element
FILTER_CONSTRAINTS = 100  # of one query in ENHANCED mode

# Vector buckets made since then make ENHANCED indexes unless told otherwise, and theirs can't become CLASSIC; model
ENHANCED_SINCE = datetime(2026, 9, 30, tzinfo=UTC)

# Names: in the service's model as patterns of the ARNs and of the key's ARN, and as the length of a metadata key.
# Characters or bytes of UTF-8 is not said: bytes are never fewer.
NAME = r"[a-z0-9][a-z0-9-.]{1,61}[a-z0-9]"  # of a vector bucket and of an index
NAME_CHARACTERS = 63
KMS_KEY_ARN = r"arn:aws[-a-z0-9]*:kms:[-a-z0-9]*:[0-9]{12}:key/.+"
METADATA_KEY_BYTES = 63
