"""The part of the form that says how vectors are indexed, and what pgvector calls it."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from vector_ingest.form import Form, about, shown

Distance = Literal["cosine", "l2", "inner_product"]
# https://github.com/pgvector/pgvector#querying: the end of the operator class's name, and the operator
OPERATOR_CLASSES: dict[Distance, str] = {"cosine": "cosine_ops", "l2": "l2_ops", "inner_product": "ip_ops"}
OPERATORS: dict[Distance, str] = {"cosine": "<=>", "l2": "<->", "inner_product": "<#>"}


class Hnsw(Form):
    model_config = about("HNSW", "Fast approximate search. Built after loading.")
    type: Literal["hnsw"] = "hnsw"
    m: int = Field(
        default=16,
        ge=2,
        le=100,
        title="m",
        description="Links of each vector. More find better and take more memory.",
        json_schema_extra=shown(1),
    )
    ef_construction: int = Field(
        default=64,
        ge=4,
        le=1000,
        title="ef_construction",
        description="Candidates looked at while building, at least twice m. More find better and build slower.",
        json_schema_extra=shown(2),
    )
    ef_search: int = Field(
        default=40,
        ge=1,
        le=1000,
        title="ef_search",
        description="Candidates looked at by `search`, and by the check of what the index finds. More find better and "
        "take longer.",
        json_schema_extra=shown(3),
    )

    @model_validator(mode="after")
    def _looks_far_enough(self) -> "Hnsw":
        if self.ef_construction < 2 * self.m:
            raise ValueError(f"ef_construction is {self.ef_construction} and must be at least twice m, {2 * self.m}")
        return self


class IvfFlat(Form):
    model_config = about(
        "IVFFlat",
        "Vectors in lists around centres that are found once, when it is built: it is built faster than HNSW and finds "
        "less in the same time.",
    )
    type: Literal["ivfflat"] = "ivfflat"
    lists: int | None = Field(
        default=None,
        ge=1,
        le=32_768,
        title="Lists",
        description="If absent: a thousandth of the rows, above a million rows their square root. Then the index is "
        "built anew when the table has become twice as large as it was.",
        json_schema_extra=shown(1),
    )
    probes: int | None = Field(
        default=None,
        ge=1,
        le=32_768,
        title="Probes",
        description="Lists looked at by `search`, and by the check of what the index finds. If absent: the square root "
        "of the lists.",
        json_schema_extra=shown(2),
    )


class NoIndex(Form):
    model_config = about("None", "Exact search, which reads every row. Right for small tables.")
    type: Literal["none"] = "none"


Index = Annotated[Hnsw | IvfFlat | NoIndex, Field(discriminator="type")]
