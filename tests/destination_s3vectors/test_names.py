"""Names are valid, readable where that is safe, and different for different things."""

import re

import pytest
from botocore.session import get_session
from hypothesis import example, given
from hypothesis import strategies as st

from destination_s3vectors.service import limits
from destination_s3vectors.vectors.names import (
    Location,
    VectorKey,
    document_digest,
    index_name,
    key_of,
    location_of,
    stream_key,
    vector_key,
)
from vector_ingest.errors import ConfigError

KMS = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

# Few letters, so that forms meet often: what only differs in case, accent, separator or in where the parts end.
parts = st.one_of(
    st.text("ab-._", max_size=4),
    st.text("aA-._ é#/", max_size=6),
    st.text(max_size=80),
    st.sampled_from(
        ["articles", "blog_posts", "blog-posts", "Blog Posts", "a" * 70, "a" * 63, "ß", "日本", "--", "\ud800"]
    ),
)
maybe = st.none() | parts
index_parts = st.tuples(parts, parts, maybe, maybe)


def test_the_usual_names_are_plainly_readable() -> None:
    assert index_name("docs", "articles") == "docs.articles"
    assert index_name("docs", "articles", "public") == "docs.public.articles"
    assert index_name("docs", "articles", tenant="acme") == "docs.articles-acme"
    assert index_name("docs", "articles", "public", "acme") == "docs.public.articles-acme"
    assert index_name("", "articles") == "articles"
    assert index_name("docs-prod", "articles") == "docs-prod.articles"


def test_a_name_that_was_changed_stays_recognisable_and_the_same_in_every_version() -> None:
    assert index_name("docs", "Blog_Posts", "crm") == "docs.crm.blog-posts--j76jcs547lgd75p2"
    assert stream_key("Résumés", None) == "resumes--kgqlhnxf7pauywxa"


@given(index_parts)
@example(("", "", None, None))
@example(("a" * 100, "b" * 100, "c" * 100, "d" * 100))
def test_every_index_name_is_one_the_service_takes(given_parts: tuple[str, str, str | None, str | None]) -> None:
    name = index_name(*given_parts)
    assert re.fullmatch(r"[a-z0-9][a-z0-9-.]{1,61}[a-z0-9]", name)
    assert name == index_name(*given_parts)


@given(index_parts, index_parts)
@example(("docs", "b", "a", None), ("docs", "a.b", None, None))
@example(("docs.a", "b", None, None), ("docs", "b", "a", None))
@example(("docs", "b", "a-", None), ("docs", "b", "a", None))
@example(("docs", "a-b", None, None), ("docs", "a", None, "b"))
@example(("", "b", "a", None), ("a", "b", None, None))
@example(("docs", "a", None, None), ("docs", "a", "", None))
@example(("docs", "a", None, None), ("docs", "a", None, ""))
@example(("docs", "blog_posts", None, None), ("docs", "blog-posts", None, None))
@example(("docs", "Articles", None, None), ("docs", "articles", None, None))
def test_two_things_never_share_an_index(
    one: tuple[str, str, str | None, str | None], other: tuple[str, str, str | None, str | None]
) -> None:
    assert (index_name(*one) == index_name(*other)) == (one == other)


@given(index_parts)
@example(("docs", "Blog_Posts", None, None))
def test_nobody_gets_anothers_index_by_being_named_like_it(victim: tuple[str, str, str | None, str | None]) -> None:
    name = index_name(*victim)
    for at in (place for place, letter in enumerate(name) if letter in "-."):
        before, after = name[:at], name[at + 1 :]
        for forged in (("", before, None, after), (before, after, None, None), ("", after, before, None)):
            assert forged == victim or index_name(*forged) != name


@given(parts, maybe, parts, maybe)
@example("a.b", None, "b", "a")
@example("a", "", "a", None)
def test_stream_keys_are_short_safe_and_different(
    stream: str, namespace: str | None, other: str, others_namespace: str | None
) -> None:
    key = stream_key(stream, namespace)
    assert re.fullmatch(r"[a-z0-9.-]{1,63}", key)
    assert (key == stream_key(other, others_namespace)) == ((stream, namespace) == (other, others_namespace))


@given(parts, maybe, st.text(), st.integers(0, 10**9))
def test_a_vector_key_is_read_back_and_fits(stream: str, namespace: str | None, identity: str, number: int) -> None:
    key = VectorKey(stream_key(stream, namespace), document_digest(identity), number)
    assert key_of(str(key)) == key
    assert str(key) == vector_key(key.stream, key.document, key.number)
    assert len(str(key)) <= limits.KEY_CHARACTERS


@pytest.mark.parametrize(
    "foreign",
    [
        "",
        "a#b#1",
        f"a#{'0' * 24}#01",
        f"a#{'0' * 24}#-1",
        f"A#{'0' * 24}#1",
        f"a#{'0' * 24}#1\n",
        f"a#{'0' * 24}#\u0661",
    ],
)
def test_a_foreign_key_is_not_taken_for_ours(foreign: str) -> None:
    assert key_of(foreign) is None


def test_the_digest_of_a_document_is_the_same_in_every_version() -> None:
    assert document_digest("Stream_articles_Key_1") == "638b9d3a30a4592c6b4df7fe"


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("s3vectors://vectors", Location("vectors", "", None)),
        ("s3vectors://vectors/", Location("vectors", "", None)),
        ("s3vectors://my.vectors-1/docs", Location("my.vectors-1", "docs", None)),
        ("s3vectors://vectors/a%20b/c/", Location("vectors", "a b/c", None)),
        (f"s3vectors://vectors?kmsKeyArn={KMS}", Location("vectors", "", KMS)),
        (f"s3vectors://vectors/docs?kmsKeyArn={KMS.replace(':', '%3A')}", Location("vectors", "docs", KMS)),
    ],
)
def test_a_location_is_read(uri: str, location: Location) -> None:
    assert location_of(uri) == location


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("vectors", "no location"),
        ("s3://vectors/docs", "no location"),
        ("s3vectors://vectors/docs#part", "no location"),
        ("s3vectors://", "vector bucket"),
        ("s3vectors:///docs", "vector bucket"),
        ("s3vectors://Vectors/docs", "vector bucket"),
        ("s3vectors://my_vectors/docs", "vector bucket"),
        ("s3vectors://ab", "3 to 63"),
        ("s3vectors://user@vectors", "vector bucket"),
        ("s3vectors://[vectors", "can't be read"),
        ("s3vectors://vectors?kmskeyarn=x", "`kmskeyarn`"),
        ("s3vectors://vectors?kmsKeyArn=", "no ARN of a KMS key"),
        ("s3vectors://vectors?kmsKeyArn=1234abcd", "not the id alone"),
        ("s3vectors://vectors?kmsKeyArn=arn:aws:kms:eu-west-1:123456789012:alias/mine", "alias"),
        (f"s3vectors://vectors?kmsKeyArn={KMS}&kmsKeyArn={KMS}", "2 KMS keys"),
    ],
)
def test_what_is_no_location_is_refused_with_what_was_expected(uri: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as raised:
        location_of(uri)
    assert "xpected" in str(raised.value)


def test_patterns_and_lengths_are_those_of_the_services_model() -> None:
    model = get_session().get_service_model("s3vectors")
    index = model.shape_for("IndexArn").metadata["pattern"]
    assert index.endswith(f":bucket/{limits.NAME}/index/{limits.NAME}")
    assert model.shape_for("KmsKeyArn").metadata["pattern"] == f"({limits.KMS_KEY_ARN})"
    assert model.shape_for("IndexName").metadata["max"] == limits.NAME_CHARACTERS
    assert model.shape_for("VectorKey").metadata["max"] == limits.KEY_CHARACTERS
    assert model.shape_for("MetadataKey").metadata["max"] == limits.METADATA_KEY_BYTES
