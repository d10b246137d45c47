"""The client of S3 Vectors, whose put_vectors takes a rendered body."""

from typing import TYPE_CHECKING, Any

import orjson
from botocore.config import Config
from botocore.model import ListShape, OperationModel, Shape, StructureShape
from botocore.parsers import ResponseParserError
from botocore.session import Session

from vector_ingest.aws.clients import CONNECT_SECONDS, READ_SECONDS, service_client
from vector_ingest.errors import ConfigError

if TYPE_CHECKING:
    from mypy_boto3_s3vectors import S3VectorsClient

THREADS = 8
SHOWN = 500  # characters of an error that is not the service's


def client_for(
    session: Session,
    region: str | None,
    endpoint: str | None = None,
    fips: bool = False,
    threads: int = THREADS,
) -> "S3VectorsClient":
    """A client for `Transport(threads=…)`: it sends each request once and checks no parameters.

    `endpoint` None is that of AWS for the region; it may lack its scheme. Raises ConfigError if one of them is none.
    """
    if fips and endpoint:
        raise ConfigError(f"FIPS endpoints are AWS's own: leave out either FIPS or the endpoint {endpoint}.")
    config = Config(
        # Trying again is ours to do: only under the index's pace is it no further load.
        retries={"mode": "standard", "total_max_attempts": 1},
        parameter_validation=False,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=2 * threads + 1,  # writers, readers, and the thread that asks for the index
        tcp_keepalive=True,
        use_fips_endpoint=fips or None,
    )
    client: S3VectorsClient = service_client(session, "s3vectors", region, endpoint, config)
    _send_rendered_bodies(client)
    _read_answers(client)
    return client


def _send_rendered_bodies(client: "S3VectorsClient") -> None:
    """Lets `put_vectors(vectors=…)` take the whole body as a memoryview.

    The rest stays botocore's: credentials, endpoint, and the signature, which it makes of the body after these hooks.
    It could not send such a body a second time; it never does, as `client_for` has it.
    """

    def take_out(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        if isinstance(params.get("vectors"), memoryview):
            context["rendered_body"], params["vectors"] = params["vectors"], []

    def put_in(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        if "rendered_body" in context:
            params["body"] = context.pop("rendered_body")

    client.meta.events.register("before-parameter-build.s3vectors.PutVectors", take_out, "take-rendered-body")
    client.meta.events.register("before-call.s3vectors.PutVectors", put_in, "put-rendered-body")


def _read_answers(client: "S3VectorsClient") -> None:
    """Refuses an answer that is not the service's: botocore takes a proxy's page with the status 200 for a success.

    An error of another shape is its text: botocore has only bugs for one. The numbers of GetVectors are parsed here as
    well, in a fifth of the time that botocore takes for them.
    """

    def parse(
        operation_model: OperationModel,
        response_dict: dict[str, Any],
        customized_response_dict: dict[str, Any],
        **_: object,
    ) -> None:
        if response_dict["status_code"] != 200:
            response_dict["body"] = _error_of(response_dict["body"])
            return
        name, shape = operation_model.name, operation_model.output_shape
        try:
            answer = orjson.loads(response_dict["body"] or b"{}")
        except orjson.JSONDecodeError as error:
            raise ResponseParserError(f"{name} was answered with what is no JSON.") from error
        if shape is not None and not _has(shape, answer):
            expected = ", ".join(f"`{member}`" for member in shape.required_members)
            raise ResponseParserError(
                f"{name} was answered with JSON of another shape, without {expected or 'members'}."
            )
        if name == "GetVectors":
            customized_response_dict.update(answer)
            response_dict["body"] = b"{}"

    client.meta.events.register("before-parse.s3vectors", parse, "read-answers")


def _has(shape: Shape, value: Any) -> bool:
    """Whether all that the service promises is there, down to the entries of lists."""
    match shape:
        case StructureShape():
            members = shape.members
            return type(value) is dict and all(
                name in value and _has(members[name], value[name]) for name in shape.required_members
            )
        case ListShape() if isinstance(shape.member, StructureShape):
            needed = set(shape.member.required_members)
            return type(value) is list and all(type(each) is dict and needed <= each.keys() for each in value)
        case _:
            return True


def _error_of(body: bytes) -> bytes:
    """An error's body as the service would write it."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if isinstance(answer, dict) and all(isinstance(answer.get(name, ""), str) for name in ("__type", "code")):
        fields = answer.get("fieldList") or []
        if isinstance(fields, list) and all(isinstance(each, dict) for each in fields):
            return body
    return orjson.dumps({"message": body.decode(errors="replace")[:SHOWN]})
