"""What an index must be, what it is, and what to do about each difference."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from destination_s3vectors.service.limits import FILTERABLE_BYTES
from destination_s3vectors.vectors.metadata import OURS

Metric = Literal["cosine", "euclidean"]


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """What an index must be. `non_filterable`: all keys that it must reserve (`metadata.Layout.reserved_keys`).

    `kms_key_arn` None: encrypted as its bucket is. `tags` are set on what is made, and not compared.
    """

    dimension: int
    metric: Metric
    non_filterable: tuple[str, ...] = OURS
    kms_key_arn: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """As the service tells it. `created`: by this call, as far as it knows."""

    arn: str
    created: bool
    dimension: int
    metric: Metric
    non_filterable: tuple[str, ...]
    kms_key_arn: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """None of them can be changed on an index that exists."""

    what: str
    found: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}: found {self.found}, expected {self.expected}. {self.remedy}."


def differences(found: IndexFacts, settings: IndexSettings) -> Iterator[Difference]:
    """Further non-filterable keys are none: fields of such a name can't be filtered by, and nothing fails."""
    if found.dimension != settings.dimension:
        remedy = "If another model filled the index, set that one: vectors of two models can't be compared"
        yield Difference("Dimension", str(found.dimension), str(settings.dimension), remedy)
    if found.metric != settings.metric:
        remedy = f"Set {found.metric}, if the model allows it"
        yield Difference("Distance metric", found.metric, settings.metric, remedy)
    yield from _filterable_by_mistake(found, settings)
    if settings.kms_key_arn and found.kms_key_arn != settings.kms_key_arn:
        yield encryption(found.kms_key_arn, settings.kms_key_arn)


def encryption(found: str | None, expected: str) -> Difference:
    """Of KMS keys' ARNs; None stands for the keys of Amazon S3."""
    has = f"the KMS key {found}" if found else "keys of Amazon S3 (AES256)"
    return Difference("Encryption", has, f"the KMS key {expected}", "Set the key that was found, or none")


def _filterable_by_mistake(found: IndexFacts, settings: IndexSettings) -> Iterator[Difference]:
    missing = [key for key in settings.non_filterable if key not in found.non_filterable]
    if ours := [key for key in missing if key in OURS]:
        remedy = (
            f"Without them, a chunk's text counts among the {FILTERABLE_BYTES:,} bytes that can be filtered by, and "
            "the service refuses the vector"
        )
        yield Difference("Non-filterable keys", _listed(found.non_filterable), _listed(ours), remedy)
    if users := [key for key in missing if key not in OURS]:
        remedy = (
            f"In this index they would be filterable and count among its {FILTERABLE_BYTES:,} bytes. Take them out of "
            "the non-filterable fields: what finds no room is kept all the same"
        )
        yield Difference("Non-filterable fields", _listed(found.non_filterable), _listed(users), remedy)


def _listed(keys: Sequence[str]) -> str:
    return ", ".join(f"`{key}`" for key in keys) or "none"
