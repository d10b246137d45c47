"""Which model makes the vector of a question: as a fingerprint, in the words of destination-s3vectors.

PROVIDER/MODEL/DIMENSIONS[/prefix-HASH][/unit][/raw]
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from destination_s3vectors.sql_bridge.calls import Json, RefusedError, invalid

OPTIONS = {"model_id": str, "region": str, "query_prefix": str, "shorten": bool}


@dataclass(frozen=True, slots=True)
class Model:
    """`flags`: what stands behind the dimensions. `options`: what a fingerprint does not say, but a request must."""

    fingerprint: str
    provider: str
    name: str
    dimensions: int | None
    flags: frozenset[str]
    options: Json

    @property
    def unit(self) -> bool:
        """Whether its vectors are brought to length 1, where the service does not."""
        return "unit" in self.flags or (self.provider == "bedrock" and "raw" not in self.flags)


# The vector of a text, within so many seconds; the region is that of the index. RefusedError says why there is none.
Embed = Callable[[Model, str, str, float], list[float]]


def model_of(fingerprint: str, options: Any) -> Model:
    if not isinstance(options, dict):
        raise invalid(f"the options of an embedding must be an object; got {type(options).__name__}")
    for name, value in options.items():
        if name not in OPTIONS or not isinstance(value, OPTIONS[name]):
            known = ", ".join(f"{each} ({kind.__name__})" for each, kind in OPTIONS.items())
            raise invalid(f"the option {name!r} of an embedding, {value!r}, is none of {known}")
    provider, *rest = fingerprint.split("/")
    flags = []
    while rest and (rest[-1] in ("unit", "raw") or rest[-1].startswith("prefix-")):
        flags.append(rest.pop())
    dimensions = int(rest.pop()) if rest and rest[-1].isdecimal() else None
    if not rest and dimensions is None:
        raise model_refused(
            f"{fingerprint!r} is no fingerprint that a question can be embedded by: expected "
            "PROVIDER/MODEL/DIMENSIONS, such as bedrock/amazon.titan-embed-text-v2/1024"
        )
    model = Model(fingerprint, provider, "/".join(rest), dimensions, frozenset(flags), dict(options))
    if any(flag.startswith("prefix-") for flag in flags) and "query_prefix" not in options:
        raise model_refused(
            f"the documents of {fingerprint} were embedded with a prefix, so questions have one too: register the "
            'embedding with its options, such as {"query_prefix": "query: "}'
        )
    return model


def embedded(model: Model, text: str, embed: Embed, region: str, seconds: float) -> list[float]:
    """The vector of a question, of the dimensions and the length that the fingerprint says."""
    vector = embed(model, model.options.get("query_prefix", "") + text, region, seconds)
    if model.dimensions not in (None, len(vector)):
        raise model_refused(
            f"{model.provider} answers with {len(vector)} numbers, expected {model.dimensions} as {model.fingerprint} "
            'says; where the model was asked to shorten its vectors, register the embedding with {"shorten": true}'
        )
    length = sum(number * number for number in vector) ** 0.5
    return [number / length for number in vector] if model.unit and length else vector


def needs_name_and_dimensions(model: Model) -> None:
    if not model.name or not model.dimensions:
        raise model_refused(
            f"{model.fingerprint!r} does not say what to ask {model.provider} for: expected "
            "PROVIDER/MODEL/DIMENSIONS, such as bedrock/amazon.titan-embed-text-v2/1024"
        )


def model_refused(message: str) -> RefusedError:
    return RefusedError("model", "EmbeddingModelError", message)
