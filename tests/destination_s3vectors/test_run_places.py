"""The command and where it loads: what it makes, what it refuses, as whom it signs in."""

import json
import re
import subprocess
from pathlib import Path

from demo.s3_server import ACCESS_KEY, SECRET_KEY
from tests.conftest import Bucket, VectorBucket
from tests.destination_commands import assert_that, catalog, config, lines, run, stream
from tests.destination_s3vectors.commands import ACCOUNT, COMPLETE, INDEX, PROGRAM, command_line, record, stored
from tests.destination_s3vectors.contents import connect, index_names, read_stream, vectors_of
from tests.destination_s3vectors.stores import DOCS
from tests.servers.faulty_s3 import FaultyS3
from tests.servers.identities import make_role
from vector_ingest.messages import status_line

KEY_ARN = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def test_search_of_an_unknown_stream_says_so_on_stderr(vector_bucket: VectorBucket, tmp_path: Path) -> None:
    connect(vector_bucket).create_vector_bucket(vectorBucketName=vector_bucket.name)
    line = command_line(tmp_path, "search", config(vector_bucket.indexing()))
    done = subprocess.run([*line, "--stream", "nothing", "x"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "The stream `nothing` was never loaded" in done.stderr
    assert "airbyte.nothing" in done.stderr
    assert index_names(vector_bucket) == []


def test_an_address_with_prefix_and_kms_key_names_and_encrypts_what_is_made(
    vector_bucket: VectorBucket, tmp_path: Path
) -> None:
    options = config(
        vector_bucket.indexing(
            vector_bucket=f"s3vectors://{vector_bucket.name}/handbook?kmsKeyArn={KEY_ARN}",
            tags=[{"key": "team", "value": "search"}],
        )
    )
    ended = run(
        command_line(tmp_path, "write", options, catalog(stream("docs", "append"))), lines(record(1, "a"), COMPLETE)
    )
    assert ended.code == 0, ended
    assert index_names(vector_bucket) == ["handbook.docs", "handbook.ingest--account"]
    client = connect(vector_bucket)
    for name in index_names(vector_bucket):
        index = client.get_index(vectorBucketName=vector_bucket.name, indexName=name)["index"]
        assert index["encryptionConfiguration"] == {"sseType": "aws:kms", "kmsKeyArn": KEY_ARN}
        assert client.list_tags_for_resource(resourceArn=index["indexArn"])["tags"] == {"team": "search"}
    assert list(read_stream(vector_bucket, DOCS, "handbook"))


def test_an_index_of_other_dimension_and_metric_is_refused_with_each_difference(
    vector_bucket: VectorBucket, tmp_path: Path
) -> None:
    client = connect(vector_bucket)
    client.create_vector_bucket(vectorBucketName=vector_bucket.name)
    client.create_index(
        vectorBucketName=vector_bucket.name,
        indexName=INDEX,
        dataType="float32",
        dimension=384,
        distanceMetric="euclidean",
    )
    write = command_line(tmp_path, "write", config(vector_bucket.indexing()), catalog(stream("docs", "append")))
    ended = run(write, lines(record(1, "a")))
    assert (ended.code, ended.error()["failure_type"]) == (1, "config_error")
    message = ended.error()["message"]
    assert_that(message, r"\(1\) Dimension: found 384, expected 1536\.")
    assert_that(message, r"\(2\) Distance metric: found euclidean, expected cosine\.")
    assert_that(message, r"\(3\) Non-filterable keys: found none, expected `_text`")
    assert "another prefix" in message


def test_what_may_not_be_made_is_told_with_the_command_that_makes_it(
    vector_bucket: VectorBucket, tmp_path: Path
) -> None:
    options = config(vector_bucket.indexing(create_missing=False))
    write = command_line(tmp_path, "write", options, catalog(stream("docs", "append_dedup")))
    commands: list[str] = []
    while len(commands) < 9:
        ended = run(write, lines(record(1, "a"), COMPLETE))
        if ended.code == 0:
            break
        assert ended.error()["failure_type"] == "config_error"
        commands.append(ended.error()["message"].partition("aws s3vectors ")[2])
        _as_told(vector_bucket, commands[-1])
    assert [command.split()[0] for command in commands] == ["create-vector-bucket", "create-index", "create-index"]
    assert stored(vector_bucket) == {"1": ["text: a"]}


def _as_told(bucket: VectorBucket, command: str) -> None:
    """What the AWS command line would do."""
    client = connect(bucket)
    if command.startswith("create-vector-bucket"):
        client.create_vector_bucket(vectorBucketName=bucket.name)
        return
    found = re.search(
        r"--index-name (\S+) --data-type float32 --dimension (\d+) --distance-metric (\w+) "
        r"--metadata-configuration '([^']+)'",
        command,
    )
    assert found, command
    client.create_index(
        vectorBucketName=bucket.name,
        indexName=found[1],
        dataType="float32",
        dimension=int(found[2]),
        distanceMetric=found[3],
        metadataConfiguration=json.loads(found[4]),
    )


def test_streams_of_a_namespace_share_an_index_and_each_is_searched_alone(
    vector_bucket: VectorBucket, tmp_path: Path
) -> None:
    options = config(vector_bucket.indexing(index_for={"type": "namespace"}))
    chosen = []
    names = [("shop", "docs"), ("shop", "news"), ("farm", "docs")]
    for namespace, name in names:
        entry = stream(name, "append_dedup")
        chosen.append({**entry, "stream": {**entry["stream"], "namespace": namespace}})
    write = command_line(tmp_path, "write", options, catalog(*chosen))
    ended = run(
        write,
        lines(
            record(1, "shop docs", "docs", "shop"),
            record(1, "shop news", "news", "shop"),
            record(1, "farm docs", "docs", "farm"),
            *(
                status_line(name, space, "COMPLETE")
                for space, name in [("shop", "docs"), ("shop", "news"), ("farm", "docs")]
            ),
        ),
    )
    assert ended.code == 0, ended
    assert index_names(vector_bucket) == ["airbyte.farm", ACCOUNT, "airbyte.shop"]
    assert len(vectors_of(vector_bucket, "airbyte.shop")) == 2
    line = [str(PROGRAM), "search", "--config", str(tmp_path / "config.json"), "--namespace", "shop", "--json"]
    done = subprocess.run([*line, "--stream", "news", "text: shop docs"], capture_output=True, check=True)
    assert [found["text"] for found in json.loads(done.stdout)] == ["text: shop news"]


def test_each_tenant_has_an_index_that_holds_nothing_of_another(vector_bucket: VectorBucket, tmp_path: Path) -> None:
    options = config(vector_bucket.indexing(index_for={"type": "tenant", "tenant_field": "customer"}))
    key = [["customer"], ["id"]]
    write = command_line(tmp_path, "write", options, catalog(stream("docs", "append_dedup", primary_key=key)))
    ended = run(
        write, lines(*(record(1, f"of {name}", customer=name) for name in ("acme", "globex", "acme_eu")), COMPLETE)
    )
    assert ended.code == 0, ended
    names = [name for name in index_names(vector_bucket) if name != ACCOUNT]
    assert {"airbyte.docs-acme", "airbyte.docs-globex"} < set(names)
    assert len(names) == 3
    texts = [[vector["metadata"]["_text"] for vector in vectors_of(vector_bucket, name)] for name in names]
    assert sorted(texts) == [["text: of acme"], ["text: of acme_eu"], ["text: of globex"]]
    gone = run(write, lines(record(1, "", customer="acme", _ab_cdc_deleted_at="2026-01-01"), COMPLETE))
    assert gone.code == 0
    assert vectors_of(vector_bucket, "airbyte.docs-acme") == []
    assert len(vectors_of(vector_bucket, "airbyte.docs-globex")) == 1
    line = [str(PROGRAM), "search", "--config", str(tmp_path / "config.json"), "--stream", "docs", "x"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "an index for each value of `customer`" in done.stderr
    done = subprocess.run([*line, "--tenant", "globex"], capture_output=True, text=True, check=True)
    assert "of globex" in done.stdout


def test_a_tenant_outside_of_the_primary_key_is_refused(vector_bucket: VectorBucket, tmp_path: Path) -> None:
    options = config(vector_bucket.indexing(index_for={"type": "tenant", "tenant_field": "customer"}))
    write = command_line(tmp_path, "write", options, catalog(stream("docs", "append_dedup")))
    ended = run(write, lines(record(1, "a", customer="acme")))
    assert (ended.code, ended.error()["failure_type"]) == (1, "config_error")
    assert_that(ended.error()["message"], r"`customer`, which is not in its primary key \(id\)")
    assert index_names(vector_bucket) == []


def test_a_role_is_assumed_with_the_external_id_and_signs_what_is_written(
    vector_bucket: VectorBucket, bucket: Bucket, proxy: FaultyS3, tmp_path: Path
) -> None:
    role = make_role(bucket.endpoint, "of-the-customer")
    signed_in = {"auth_type": "iam_role", "role_arn": role, "external_id": "of-the-customer"}
    write = command_line(
        tmp_path, "write", config(vector_bucket.indexing(credentials=signed_in)), catalog(stream("docs", "append"))
    )
    ended = run(
        write,
        lines(record(1, "a"), COMPLETE),
        AWS_ACCESS_KEY_ID=ACCESS_KEY,
        AWS_SECRET_ACCESS_KEY=SECRET_KEY,
        AWS_ENDPOINT_URL_STS=proxy.endpoint,
    )
    assert ended.code == 0, ended
    (request,) = [request.body.decode() for request in proxy.seen("POST")]
    assert "Action=AssumeRole" in request
    assert "ExternalId=of-the-customer" in request
    assert len(stored(vector_bucket)) == 1
