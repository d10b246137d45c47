"""What the answers of Amazon Bedrock mean: a setting, a right, a text, or a moment.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html (Errors)
https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from botocore import exceptions

from vector_ingest.aws.errors import SIGN_IN_REMEDIES, aws_errors
from vector_ingest.embed.answers import OF_A_TEXT, refused
from vector_ingest.embed.rate_headers import retry_after
from vector_ingest.errors import ConfigError, TransientError

BUSY = {
    "ThrottlingException",
    "TooManyRequestsException",
    "ServiceQuotaExceededException",
    "ModelNotReadyException",
    "ModelTimeoutException",
    "ModelErrorException",
}
BUSY_STATUSES = {408, 424, 429}
NOT_ENABLED = re.compile(r"access to the model|not authorized to access this model", re.IGNORECASE)
WRONG_MODEL = re.compile(r"model identifier|on-demand throughput|inference profile|end of its life", re.IGNORECASE)
WRONG_SETTING = re.compile(
    r"#/(dimensions|output_dimension|normalize|input_type|truncate|embedding_types)|extraneous key"
)


@contextmanager
def bedrock_errors(name: str, texts: Sequence[str]) -> Iterator[None]:
    """`name` names service and model, `texts` are those of the request."""
    with aws_errors(f"embed with {name}"):
        try:
            yield
        except exceptions.ClientError as error:
            ours = _ours(error, name, texts)
            if ours is None:
                raise  # of signing in, which `aws_errors` knows
            raise ours from error


def _ours(error: exceptions.ClientError, name: str, texts: Sequence[str]) -> Exception | None:
    answer, metadata = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    code, said = str(answer.get("Code", "")), str(answer.get("Message", ""))[:500]
    status = int(metadata.get("HTTPStatusCode", 0))
    found = f"{name} answers with {code} (status {status}): {said}"
    if code in SIGN_IN_REMEDIES or said.startswith(("Signature expired", "Signature not yet current")):
        return None
    if code in BUSY or status in BUSY_STATUSES or status >= 500:
        return TransientError(found, retry_after(metadata.get("HTTPHeaders", {})), throttled=status == 429)
    if status == 403 and NOT_ENABLED.search(said):
        return ConfigError(f"{found} Ask for access to the model in the console of Bedrock, in this region.")
    if status == 403:
        return ConfigError(
            f"{found} Grant bedrock:InvokeModel on the model, and on the inference profile if it is one."
        )
    if status == 404 or WRONG_MODEL.search(said):
        return ConfigError(
            f"{found} Check `embedding.model_name` and the region: a model that is not offered on demand "
            "there needs the ID of an inference profile, such as eu.cohere.embed-v4:0."
        )
    if WRONG_SETTING.search(said):
        return ConfigError(f"{found} Check the model and `embedding.dimensions`.")
    if status in OF_A_TEXT:
        return refused(texts, name, said)
    return ConfigError(f"{found} Check `embedding.endpoint`: this is no answer of Bedrock.")
