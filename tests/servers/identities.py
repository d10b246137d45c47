"""Users and roles of an account at the enforcing server, made over HTTP."""

import json
import uuid
from typing import Any

from demo.s3_server import ACCESS_KEY, REGION, SECRET_KEY
from tests.sessions import signed_in

ACCOUNT = "123456789012"
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
# Where an account's IAM signs, by partition.
HOME = {"aws": REGION, "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}


def make_user(endpoint: str, *statements: dict[str, Any]) -> dict[str, str]:
    """The form of a new user who may do what the statements say."""
    iam, name = _iam(endpoint), f"user-{uuid.uuid4().hex}"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=document(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    iam.close()
    return {
        "auth_type": "iam_user",
        "aws_access_key_id": key["AccessKeyId"],
        "aws_secret_access_key": key["SecretAccessKey"],
    }


def make_role(
    endpoint: str, external_id: str | None = None, *, name: str = "", partition: str = "aws", **rights: Any
) -> str:
    """The ARN of a new role that everybody may assume who has the external ID. `rights`: its one statement."""
    iam, name = _iam(endpoint, partition), f"role-{uuid.uuid4().hex[:8]}{name}"
    asked = {"Condition": {"StringEquals": {"sts:ExternalId": external_id}}} if external_id else {}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}, **asked}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=document({**EVERYTHING, **rights}))
    iam.close()
    assert isinstance(arn, str)
    return arn


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _iam(endpoint: str, partition: str = "aws") -> Any:
    session = signed_in(ACCESS_KEY, SECRET_KEY, HOME[partition])
    return session.create_client("iam", endpoint_url=endpoint)
