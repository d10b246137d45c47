"""What CloudFormation would make of the template with some parameters, as far as that can be told without it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
What AWS gives (names, ARNs) is in angle brackets.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.decode import decode

from destination_s3vectors.sql_bridge import package

TEMPLATE = Path(package.__file__).with_name("template.yaml")
PSEUDO = {"AWS::Region": "eu-central-1", "AWS::AccountId": "123456789012", "AWS::Partition": "aws"}
NOTHING = object()  # AWS::NoValue
GIVEN = {
    "CodeBucket": "code",
    "CodeKey": "lambda/s3vl-0123456789abcdef.zip",
    "VpcId": "vpc-1",
    "SubnetIds": "subnet-1,subnet-2",
    "DatabaseArn": "arn:aws:rds:eu-central-1:123456789012:cluster:shop",
    "DatabaseSecurityGroupId": "sg-1",
    "IndexArns": "arn:aws:s3vectors:eu-central-1:123456789012:bucket/shop/index/products",
}


class RefusedError(Exception):
    """A parameter does not fit, or a rule is broken."""


@cache
def template() -> Any:
    found, wrong = decode(str(TEMPLATE))
    assert not wrong, wrong
    return found


@dataclass(frozen=True, slots=True)
class Stack:
    resources: Mapping[str, Any]
    outputs: Mapping[str, Any]

    def properties(self, name: str) -> Any:
        return self.resources[name]["Properties"]

    def policies(self) -> dict[str, list[Any]]:
        """The statements of identities and endpoints, by resource."""
        found = {}
        for name, resource in self.resources.items():
            if document := resource["Properties"].get("PolicyDocument"):
                found[name] = document["Statement"]
        return found

    def allowed(self, role: str) -> dict[str, set[str]]:
        """Resources by action, of a role's policies."""
        found: dict[str, set[str]] = {}
        for name, statements in self.policies().items():
            for statement in statements if self.properties(name).get("RoleName") == role else ():
                for action in listed(statement["Action"]) if statement["Effect"] == "Allow" else ():
                    found.setdefault(action, set()).update(listed(statement["Resource"]))
        return found


def stack(**parameters: str) -> Stack:
    """With the parameters of GIVEN, and these in their place. RefusedError as CloudFormation would."""
    unknown = set(parameters) - set(template()["Parameters"])
    assert not unknown, unknown
    values: dict[str, Any] = {}
    for name, about in template()["Parameters"].items():
        text = str({**GIVEN, **parameters}.get(name, about.get("Default", NOTHING)))
        values[name] = text.split(",") if "List" in about["Type"] else text
        for part in listed(values[name]):
            fits = re.fullmatch(about.get("AllowedPattern", ".*"), part)
            if not fits or part not in map(str, about.get("AllowedValues", [part])):
                raise RefusedError(f"{name}: {about.get('ConstraintDescription', 'not an allowed value')}")
    made = _Resolver({**values, **PSEUDO})
    for rule in template()["Rules"].values():
        for each in rule["Assertions"] if made.of(rule.get("RuleCondition", {"Fn::Equals": ["", ""]})) else ():
            if not made.of(each["Assert"]):
                raise RefusedError(each["AssertDescription"])
    parts = [
        {name: made.of(part) for name, part in template()[kind].items() if made.holds(part.get("Condition"))}
        for kind in ("Resources", "Outputs")
    ]
    made.check_references(parts[0])
    return Stack(*parts)


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


class _Resolver:
    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._referred: set[str] = set()

    def holds(self, condition: str | None) -> bool:
        return condition is None or bool(self.of(template()["Conditions"][condition]))

    def check_references(self, made: Mapping[str, Any]) -> None:
        missing = self._referred - set(made)
        assert not missing, f"of resources that are not made: {missing}"

    def of(self, value: Any) -> Any:
        if isinstance(value, list):
            return [part for each in value if (part := self.of(each)) is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if function := self._functions().get(name):
                return function(argument)
            if name == "Condition" and isinstance(argument, str):
                return self.holds(argument)
        return {name: part for name, each in value.items() if (part := self._member(name, each)) is not NOTHING}

    def _member(self, name: str, value: Any) -> Any:
        return value if name == "Condition" and isinstance(value, str) else self.of(value)

    def _functions(self) -> Mapping[str, Callable[[Any], Any]]:
        return {
            "Ref": self._ref,
            "Fn::GetAtt": lambda a: self._resource(*(a if isinstance(a, list) else a.split(".", 1))),
            "Fn::If": lambda a: self.of(a[1] if self.holds(a[0]) else a[2]),
            "Fn::Equals": lambda a: self.of(a[0]) == self.of(a[1]),
            "Fn::Not": lambda a: not self.of(a[0]),
            "Fn::And": lambda a: all(map(self.of, a)),
            "Fn::Or": lambda a: any(map(self.of, a)),
            "Fn::Join": lambda a: a[0].join(self.of(a[1])),
            "Fn::Split": lambda a: self.of(a[1]).split(a[0]),
            "Fn::Select": lambda a: self.of(a[1])[int(a[0])],
            "Fn::Sub": self._sub,
        }

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NOTHING
        return self._values[name] if name in self._values else self._resource(name)

    def _resource(self, name: str, attribute: str = "") -> str:
        assert name in template()["Resources"], name
        self._referred.add(name)
        return f"<{name}.{attribute}>" if attribute else f"<{name}>"

    def _sub(self, argument: Any) -> str:
        text, own = argument if isinstance(argument, list) else (argument, {})

        def value(found: re.Match[str]) -> str:
            name = found[1]
            if name in own:
                return str(self.of(own[name]))
            return str(self._resource(*name.split(".", 1)) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", value, text)
