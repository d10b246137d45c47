"""moto as strict as AWS, for S3, STS and IAM: `python -m tests.servers.enforcing_s3 -p PORT`.

Signatures, policies, trust policies with external IDs, and session tokens are checked, and a role's credentials expire.
The keys of demo.s3_server may do everything, in each partition; tests/servers/identities.py makes others. A role whose
name ends with `-for-N-seconds` has sessions of N seconds, whatever was asked for.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import moto.server
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.exceptions import AccessDeniedError
from moto.core.utils import utcnow
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.s3.exceptions import S3AccessDeniedError
from moto.s3.responses import ACTION_MAP
from moto.sts.models import AssumedRole, STSBackend, sts_backends
from moto.utilities.utils import get_partition

from demo.s3_server import ACCESS_KEY, SECRET_KEY
from tests.servers.identities import ACCOUNT, EVERYTHING, HOME, document

EXPIRED = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"


def make_user() -> None:
    for partition, region in HOME.items():
        backend = iam_backends[ACCOUNT][partition]
        backend.create_user(region, "tests")
        key = backend.create_access_key("tests")
        key.access_key_id, key.secret_access_key = ACCESS_KEY, SECRET_KEY
        backend.put_user_policy("tests", "everything", document(EVERYTHING))


def assume_as_aws_does() -> None:
    """moto assumes roles that do not exist, and takes a missing external ID for any."""
    assume = STSBackend.assume_role

    def assume_role(self: STSBackend, **request: Any) -> AssumedRole:
        arn, refusal = request["role_arn"], AccessDeniedError(user_arn="the caller", action="sts:AssumeRole")
        try:
            trust = iam_backends[ACCOUNT][get_partition(request["region_name"])].get_role_by_arn(arn)
        except NotFoundException:
            raise refusal from None
        if "sts:ExternalId" in trust.assume_role_policy_document and not request["external_id"]:
            raise refusal
        role = assume(self, **request)
        if seconds := re.search(r"-for-(\d+)-seconds$", arn):
            role.expiration = utcnow() + timedelta(seconds=int(seconds[1]))
        return role

    STSBackend.assume_role = assume_role  # type: ignore[assignment, method-assign]  # a test's own server


def let_all_into_public_buckets() -> None:
    """moto looks for a signature where there is none."""
    check = ActionAuthenticatorMixin._authenticate_and_authorize_action

    def authorize(self: Any, kind: type, resource: str = "*") -> None:
        if self.headers.get("Authorization"):
            check(self, kind, resource)
        elif not self.backend.head_bucket(self.bucket_name).acl.public_read:
            raise S3AccessDeniedError

    ActionAuthenticatorMixin._authenticate_and_authorize_action = authorize  # type: ignore[assignment, method-assign]


class _Application(DomainDispatcherApplication):
    """moto never looks at the time."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN")
        roles = [role for each in sts_backends[ACCOUNT].values() for role in each.assumed_roles]
        if token and any(role.session_token == token and role.expiration <= utcnow() for role in roles):
            headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(EXPIRED)))]
            start_response("400 Bad Request", headers)
            return [EXPIRED]
        return super().__call__(environ, start_response)


def know_ownership_controls() -> None:
    """moto takes a request for them for one to list the bucket."""
    ACTION_MAP["BUCKET"]["GET"]["ownershipControls"] = "GetBucketOwnershipControls"


if __name__ == "__main__":
    make_user()
    know_ownership_controls()
    assume_as_aws_does()
    let_all_into_public_buckets()
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    moto.server.DomainDispatcherApplication = _Application  # type: ignore[attr-defined]
    moto.server.main()
