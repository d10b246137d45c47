"""The forms of the ways to sign in to AWS. The properties are those of Airbyte's source-s3, and some more."""

import re
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from vector_ingest.form import Form, shown

EXTERNAL_ID_VARIABLE = "AWS_ASSUME_ROLE_EXTERNAL_ID"  # where Airbyte's own connectors look for it
# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
SHORTEST_SESSION, LONGEST_SESSION = 900, 43_200
ROLE_ARN = re.compile(r"arn:(?P<partition>[\w-]+):iam::\d*:role/\S+")


class IamUser(Form):
    """Signs in with the access key of an IAM user, or with temporary keys and their session token."""

    model_config = ConfigDict(title="IAM user", str_strip_whitespace=True)  # pasted keys often end in a line break
    auth_type: Literal["iam_user"] = Field("iam_user", json_schema_extra=shown(0))
    aws_access_key_id: SecretStr = Field(
        min_length=1,  # boto3 takes empty keys for none, and would sign in as the machine
        title="AWS Access Key ID",
        description="The access key ID of a user that may list the bucket and read its objects.",
        json_schema_extra=shown(1),
    )
    aws_secret_access_key: SecretStr = Field(
        min_length=1,
        title="AWS Secret Access Key",
        description="The secret that belongs to the access key ID.",
        json_schema_extra=shown(2),
    )
    aws_session_token: SecretStr | None = Field(
        None,
        title="AWS Session Token",
        description="Only for temporary keys: the token that was issued with them. Such keys expire.",
        json_schema_extra=shown(3),
    )


class IamRole(Form):
    """Assumes a role, with keys or with what the connector's own machine has, and renews it as long as needed."""

    model_config = ConfigDict(title="IAM role", str_strip_whitespace=True)
    auth_type: Literal["iam_role"] = Field("iam_role", json_schema_extra=shown(0))
    role_arn: str = Field(
        title="AWS Role ARN",
        description="The role to assume. Its trust policy must name who runs the connector.",
        examples=["arn:aws:iam::123456789012:role/read-documents"],
        json_schema_extra=shown(1),
    )
    external_id: str | None = Field(
        None,
        title="External ID",
        description=f"The external ID that the trust policy asks for. If absent, {EXTERNAL_ID_VARIABLE} is used.",
        json_schema_extra=shown(2),
    )
    session_name: str | None = Field(
        None,
        pattern=r"^[\w+=,.@-]{2,64}$",
        title="Session Name",
        description="What the role's session is called in the logs of AWS. If absent, the connector's own.",
        json_schema_extra=shown(3),
    )
    duration_seconds: int | None = Field(
        None,
        ge=SHORTEST_SESSION,
        le=LONGEST_SESSION,
        title="Session Duration",
        description="How many seconds the role's credentials are good for. They are renewed in time. If absent: an "
        "hour. More needs a role whose maximum session duration allows it.",
        json_schema_extra=shown(4),
    )
    aws_access_key_id: SecretStr | None = Field(
        None,
        title="AWS Access Key ID",
        description="The access key ID of a user that may assume the role. If absent, the machine's own credentials "
        "are used.",
        json_schema_extra=shown(5),
    )
    aws_secret_access_key: SecretStr | None = Field(
        None,
        title="AWS Secret Access Key",
        description="The secret that belongs to the access key ID.",
        json_schema_extra=shown(6),
    )
    aws_session_token: SecretStr | None = Field(
        None,
        title="AWS Session Token",
        description="Only for temporary keys: the token that was issued with them. Such keys expire.",
        json_schema_extra=shown(7),
    )

    @property
    def partition(self) -> str | None:
        """`aws`, `aws-cn`, `aws-us-gov` or another; None for what another store calls a role."""
        found = ROLE_ARN.fullmatch(self.role_arn)
        return found["partition"] if found else None

    @property
    def user(self) -> IamUser | None:
        """Who assumes the role. None: whoever the machine is."""
        if self.aws_access_key_id is None or self.aws_secret_access_key is None:
            return None
        return IamUser(
            aws_access_key_id=self.aws_access_key_id,
            aws_secret_access_key=self.aws_secret_access_key,
            aws_session_token=self.aws_session_token,
        )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, form: Any) -> Any:
        """A form leaves empty texts behind."""
        if not isinstance(form, dict):
            return form
        return {name: value for name, value in form.items() if name == "role_arn" or value not in ("", None)}

    @field_validator("role_arn")
    @classmethod
    def _names_a_role(cls, value: str) -> str:
        if not value.startswith("arn:") or (":iam::" in value and not ROLE_ARN.fullmatch(value)):
            raise ValueError(f"expected an ARN such as arn:aws:iam::123456789012:role/name, found {value!r}")
        return value

    @model_validator(mode="after")
    def _keys_are_whole(self) -> "IamRole":
        if (self.aws_access_key_id is None) != (self.aws_secret_access_key is None):
            raise ValueError(
                "one of `aws_access_key_id` and `aws_secret_access_key` is missing: give both, or none for the role "
                "to be assumed with the machine's own credentials"
            )
        return self


class DefaultCredentials(Form):
    """Uses what the machine has: environment variables, profile, container or instance role."""

    model_config = ConfigDict(title="Credentials of the machine")
    auth_type: Literal["default_credentials"] = Field("default_credentials", json_schema_extra=shown(0))


class Anonymous(Form):
    """Sends unsigned requests: for public buckets only."""

    model_config = ConfigDict(title="None (public bucket)")
    auth_type: Literal["anonymous"] = Field("anonymous", json_schema_extra=shown(0))


Credentials = Annotated[IamUser | IamRole | DefaultCredentials | Anonymous, Field(discriminator="auth_type")]
