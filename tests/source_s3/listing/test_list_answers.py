"""Pages of a listing as this connector parses them, against botocore's own parser."""

from typing import Any

import pytest

from source_s3.listing.list_answers import parse_listings_fast
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
SPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
TIME = "<LastModified>2024-01-02T03:04:05.000Z</LastModified>"
PLAIN = f"<Key>a/b.csv</Key>{TIME}<ETag>&quot;abc-2&quot;</ETag><Size>5</Size><StorageClass>STANDARD</StorageClass>"
ASKED = {"Key", "LastModified", "ETag", "Size", "StorageClass", "RestoreStatus"}


def page(*entries: str, space: str = SPACE, more: str = "") -> str:
    found = "".join(f"<Contents>{entry}</Contents>" for entry in entries)
    head = "<Name>b</Name><IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b=</NextContinuationToken>"
    return f"{HEAD}<ListBucketResult{space}>{head}{found}{more}</ListBucketResult>"


PAGES = {
    "plain": page(PLAIN, PLAIN),
    "no namespace": page(PLAIN, space=""),
    "another namespace": page(PLAIN, space=' xmlns="http://doc.s3.amazonaws.com/2006-03-01"'),
    "nothing": page(),
    "escapes": page(
        PLAIN.replace("a/b.csv", "&lt;漢&#x1F600;&#13;%2B + ü.csv"), more="<EncodingType>url</EncodingType>"
    ),
    "encoded": page(PLAIN.replace("a/b.csv", "a%0Ab%2Bc+d.csv"), more="<EncodingType>url</EncodingType>"),
    "empty members": page(PLAIN.replace("STANDARD", "").replace("a/b.csv", " ")),
    "more than is asked for": page(
        f"{PLAIN}<Owner><ID>1</ID></Owner><ChecksumAlgorithm>CRC32</ChecksumAlgorithm><Unknown/>",
        more="<CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes>",
    ),
    "restored": page(
        f"{PLAIN}<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>"
        "<RestoreExpiryDate>2030-01-02T00:00:00.000Z</RestoreExpiryDate></RestoreStatus>"
    ),
    "being restored": page(f"{PLAIN}<RestoreStatus><IsRestoreInProgress>true</IsRestoreInProgress></RestoreStatus>"),
    "another form of time": page(PLAIN.replace("2024-01-02T03:04:05.000Z", "Tue, 02 Jan 2024 03:04:05 GMT")),
    "a time elsewhere": page(PLAIN.replace("05.000Z", "05+02:00")),
    "a member is missing": page(PLAIN.replace(TIME, "")),
    "blanks between": page(f"\n {PLAIN}\n ").replace("><", ">\n<"),
    "an error with 200": f"{HEAD}<Error><Code>SlowDown</Code><Message>m</Message></Error>",
    "cut off": page(PLAIN)[:-40],
    "no XML": "hello",
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer is the last one: botocore would ask again for some of them, and wait longer each time."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


def answered(client: Any, bucket: Bucket) -> Any:
    try:
        found = client.list_objects_v2(Bucket=bucket.name)
    except Exception as error:  # noqa: BLE001  it is compared
        return f"{type(error).__name__}: {error}"
    del found["ResponseMetadata"]
    contents = [{name: value for name, value in item.items() if name in ASKED} for item in found.pop("Contents", [])]
    return found, contents


@pytest.mark.parametrize("body", PAGES.values(), ids=PAGES.keys())
def test_a_page_is_what_botocore_makes_of_it(client: Any, bucket: Bucket, proxy: FaultyS3, body: str) -> None:
    proxy.rules.append(Rule("answer", status=200, body=body.encode(), path="list-type=2", times=None))
    expected = answered(client, bucket)
    parse_listings_fast(client)

    assert answered(client, bucket) == expected


def test_an_answer_that_is_an_error_is_left_to_botocore(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    parse_listings_fast(client)
    proxy.rules.append(Rule("answer", status=403, code="AccessDenied", path="list-type=2", times=None))

    assert "AccessDenied" in answered(client, bucket)
