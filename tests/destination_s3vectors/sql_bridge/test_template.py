"""The CloudFormation template: what cfn-lint says, and what it comes to with some parameters."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.session import Session

from destination_s3vectors.emulator.faults import Rule
from destination_s3vectors.sql_bridge import package
from destination_s3vectors.sql_bridge.cache import answers_from
from tests.destination_s3vectors.sql_bridge.conftest import FUNCTION, Service, Sql
from tests.destination_s3vectors.sql_bridge.stack import GIVEN, TEMPLATE, RefusedError, listed, stack, template

CFN_LINT = Path(sys.executable).with_name("cfn-lint")
INDEX = GIVEN["IndexArns"]
READS = {"s3vectors:GetIndex", "s3vectors:GetVectors", "s3vectors:ListVectors", "s3vectors:QueryVectors"}
WRITES = {"s3vectors:DeleteVectors", "s3vectors:PutVectors"}
EMBEDS = {"bedrock:InvokeModel"}
BY_HAND = {"secretsmanager:GetSecretValue"}  # of models outside of AWS, which need a NAT gateway too: see the guide
PREFIXES = {"bedrock-runtime": "bedrock"}
MODEL = "arn:aws:bedrock:eu-central-1::foundation-model/amazon.titan-embed-text-v2:0"


def test_cfn_lint_finds_nothing_and_would_find_an_action_that_there_is_not(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(TEMPLATE.read_text().replace("s3vectors:ListVectors", "s3vectors:ListVectorIndexes"))
    done = subprocess.run([CFN_LINT, "-f", "json", "-t", TEMPLATE, wrong], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert {(each["Filename"], each["Rule"]["Id"]) for each in found} == {(str(wrong), "W3037")}


def called() -> set[str]:
    """The operations of services that the function calls, as IAM names them."""
    named: set[str] = set()
    for source in package.own_files().values():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named.add(node.value)
            elif isinstance(node, ast.Attribute):
                named.add(node.attr)
    session: Any = Session()
    return {
        f"{PREFIXES.get(service, service)}:{name}"
        for service in package.SERVICES
        for name in session.get_service_model(service).operation_names
        if xform_name(name) in named
    }


def test_the_function_has_the_rights_to_what_it_calls_and_no_others() -> None:
    assert called() == READS | WRITES | EMBEDS | BY_HAND
    place = {"ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"}
    place |= {"ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"}
    place |= {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert set(stack().allowed("<ExecutionRole>")) == READS | place
    key = "arn:aws:kms:eu-central-1:123456789012:key/k-1"
    writing = stack(AllowWrites="yes", KmsKeyArn=key, EmbeddingModelArns=MODEL)
    rights = writing.allowed("<ExecutionRole>")
    assert set(rights) == READS | WRITES | EMBEDS | place | {"kms:Decrypt", "kms:GenerateDataKey"}
    assert all(rights[action] == {INDEX} for action in READS | WRITES)
    assert rights["kms:Decrypt"] == {key}
    assert rights["bedrock:InvokeModel"] == {MODEL}
    reading = stack(KmsKeyArn=key)
    assert "kms:GenerateDataKey" not in reading.allowed("<ExecutionRole>")


def test_only_what_is_explained_has_an_asterisk() -> None:
    """The interfaces, which the code is denied, and the endpoints, which keep other accounts out."""
    made = stack(
        BedrockEndpoint="create",
        EmbeddingModelArns=MODEL,
        AllowWrites="yes",
        NewBucketName="more",
        NewIndexName="things",
        KmsKeyArn="arn:aws:kms:a:123456789012:key/k",
    )
    wide = [
        (name, statement["Sid"])
        for name, statements in made.policies().items()
        for statement in statements
        if statement["Effect"] == "Allow" and "*" in listed(statement["Resource"])
    ]
    assert sorted(wide) == [
        ("InterfaceOfBedrock", "WhoeverOfThisAccount"),
        ("InterfaceOfLambda", "WhoeverOfThisAccount"),
        ("InterfaceOfVectors", "WhoeverOfThisAccount"),
        ("PlaceRights", "LetLambdaPlaceTheFunctionInTheSubnets"),
    ]
    for name in ("InterfaceOfBedrock", "InterfaceOfLambda", "InterfaceOfVectors"):
        (statement,) = made.policies()[name]
        assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}
    place, denied, log = made.policies()["PlaceRights"]
    assert (denied["Effect"], denied["Action"]) == ("Deny", place["Action"])
    function = "arn:aws:lambda:eu-central-1:123456789012:function:s3vl"
    assert denied["Condition"] == {"ArnEquals": {"lambda:SourceFunctionArn": [function]}}
    assert log["Resource"] == "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/s3vl:*"


def test_a_new_index_is_among_the_rights_and_stays_with_its_bucket() -> None:
    made = stack(NewBucketName="more", NewIndexName="things")
    assert made.allowed("<ExecutionRole>")["s3vectors:QueryVectors"] == {INDEX, "<Index.IndexArn>"}
    assert made.properties("Index")["VectorBucketArn"] == "<Bucket.VectorBucketArn>"
    alone = stack(IndexArns="", NewIndexName="things", NewIndexBucketName="shop", AllowWrites="yes")
    assert alone.allowed("<ExecutionRole>")["s3vectors:PutVectors"] == {"<Index.IndexArn>"}
    assert alone.properties("Index")["VectorBucketName"] == "shop"
    assert "Bucket" not in alone.resources
    kept = {
        name
        for name, each in made.resources.items()
        if "Retain" in (each.get("DeletionPolicy"), each.get("UpdateReplacePolicy"))
    }
    assert kept == {"Bucket", "Index"}
    assert {name for name in made.outputs if name.startswith("Retained")} == {"RetainedBucketArn", "RetainedIndexArn"}
    assert not {"Bucket", "Index", "RetainedIndexArn", "RegisterStatement"} & {*stack().resources, *stack().outputs}


def test_the_database_may_call_the_alias_and_nothing_else() -> None:
    made = stack()
    assert made.allowed("<DatabaseRole>") == {"lambda:InvokeFunction": {"<Alias>"}}
    (trust,) = made.properties("DatabaseRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "rds.amazonaws.com"}
    assert trust["Condition"]["ArnEquals"] == {"aws:SourceArn": GIVEN["DatabaseArn"]}


def test_roles_that_there_are_already_are_used() -> None:
    made = stack(
        ExecutionRoleArn="arn:aws:iam::123456789012:role/some/path/function",
        DatabaseRoleArn="arn:aws:iam::123456789012:role/rds-lambda",
        AllowWrites="yes",
        KmsKeyArn="arn:aws:kms:eu-central-1:123456789012:key/k-1",
        EmbeddingModelArns=MODEL,
    )
    assert not any(each["Type"] == "AWS::IAM::Role" for each in made.resources.values())
    assert made.properties("Function")["Role"] == "arn:aws:iam::123456789012:role/some/path/function"
    policies = [each["Properties"] for each in made.resources.values() if each["Type"] == "AWS::IAM::RolePolicy"]
    assert [(each["RoleName"], each["PolicyName"]) for each in policies] == [("rds-lambda", "invoke-s3vl")]
    assert not {"AssociateCommand", "DissociateCommand"} & set(made.outputs)
    with pytest.raises(RefusedError, match="without a path"):
        stack(DatabaseRoleArn="arn:aws:iam::123456789012:role/service-role/rds-lambda")


def test_the_function_reaches_its_endpoint_and_no_other_place() -> None:
    made = stack()
    assert made.properties("InterfaceOfVectors")["ServiceName"] == "com.amazonaws.eu-central-1.s3vectors"
    assert made.properties("InterfaceOfLambda")["ServiceName"] == "com.amazonaws.eu-central-1.lambda"
    (out,) = made.properties("FunctionSecurityGroup")["SecurityGroupEgress"]
    assert (out["FromPort"], out["DestinationSecurityGroupId"]) == (443, "<VectorsEndpointSecurityGroup.GroupId>")
    assert made.properties("VectorsEndpointFromFunction")["SourceSecurityGroupId"] == "<FunctionSecurityGroup.GroupId>"
    (into,) = made.properties("LambdaEndpointSecurityGroup")["SecurityGroupIngress"]
    assert (into["FromPort"], into["SourceSecurityGroupId"]) == (443, "sg-1")
    asking = stack(BedrockEndpoint="create")
    assert asking.properties("InterfaceOfBedrock")["ServiceName"] == "com.amazonaws.eu-central-1.bedrock-runtime"
    to = [
        out["DestinationSecurityGroupId"] for out in asking.properties("FunctionSecurityGroup")["SecurityGroupEgress"]
    ]
    assert to == ["<VectorsEndpointSecurityGroup.GroupId>", "<BedrockEndpointSecurityGroup.GroupId>"]
    assert asking.properties("BedrockEndpointFromFunction")["GroupId"] == to[1]
    there = stack(VectorsEndpoint="existing", LambdaEndpoint="existing", HttpsCidr="10.0.0.0/16")
    assert not any("Endpoint" in each["Type"] for each in there.resources.values())
    (out,) = there.properties("FunctionSecurityGroup")["SecurityGroupEgress"]
    assert out["CidrIp"] == "10.0.0.0/16"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"IndexArns": ""}, "Name an index"),
        ({"NewIndexName": "things"}, "NewBucketName or NewIndexBucketName"),
        ({"VectorsEndpoint": "existing"}, "HttpsCidr says where it is"),
        ({"IndexArns": f"{INDEX},arn:aws:s3:::shop"}, "ARNs of indexes"),
        ({"IndexArns": "arn:aws:s3vectors:eu-central-1:123456789012:bucket/*/index/*"}, "ARNs of indexes"),
        ({"DatabaseArn": "shop"}, "Aurora cluster or of an RDS instance"),
        ({"CodeKey": "lambda/s3vl.zip"}, "make lambda"),
        ({"EmbeddingModelArns": "amazon.titan-embed-text-v2:0"}, "foundation models"),
        ({"LogRetentionDays": "31"}, "LogRetentionDays"),
    ],
)
def test_parameters_that_cannot_work_are_refused(parameters: dict[str, str], said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        stack(**parameters)


def test_rules_have_only_functions_that_rules_take() -> None:
    """cfn-lint lets others pass. Those of lists are left out: none is needed."""
    found = set(re.findall(r'"(Ref|Condition|Fn::\w+)"', json.dumps(template()["Rules"])))
    assert found == {"Ref", "Fn::Equals", "Fn::Not", "Fn::Or"}


def test_every_parameter_is_described_bounded_and_in_a_group() -> None:
    for name, about in template()["Parameters"].items():
        assert about["Description"].endswith((".", "airbyte.*")), name
        bounded = {"AllowedPattern", "AllowedValues", "MinValue"} & set(about) or about["Type"].startswith(
            ("AWS::", "List<")
        )
        assert bounded or name == "NonFilterableMetadataKeys", name
        assert ("AllowedPattern" in about) == ("ConstraintDescription" in about), name
    groups = template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert [name for group in groups for name in group["Parameters"]] == list(template()["Parameters"])
    assert all(about["Description"] for about in template()["Outputs"].values())


def test_the_function_is_that_of_the_package_and_new_code_is_a_new_version() -> None:
    made = stack()
    function = made.properties("Function")
    assert (function["Runtime"], function["Handler"]) == (package.RUNTIME, f"{package.HANDLER}.handler")
    assert "ReservedConcurrentExecutions" not in function
    assert "DeadLetterConfig" not in function
    kept = stack(CacheSeconds="60").properties("Function")["Environment"]["Variables"]
    answers = answers_from(kept)
    assert answers.answer({}, [], dict) == ({}, False)
    assert answers.answer({}, [], dict) == ({}, True)
    assert stack(ReservedConcurrency="50").properties("Function")["ReservedConcurrentExecutions"] == "50"
    role = f"arn:aws:iam::123456789012:role/{'x' * 64}"
    changes = [
        {},
        {"CodeKey": f"{'x' * 35}/s3vl-fedcba9876543210.zip"},
        {"Architecture": "x86_64"},
        {"MemoryMegabytes": "10240"},
        {"TimeoutSeconds": "900"},
        {"CacheSeconds": "3600"},
        {"SubnetIds": ",".join(f"subnet-0123456789abcdef{n}" for n in range(3))},
        {"ExecutionRoleArn": role},
    ]
    versions = {stack(**change).properties("Version")["Description"] for change in changes}
    assert len(versions) == len(changes)  # only another description makes another version
    longest = stack(**{name: value for change in changes for name, value in change.items()})
    assert len(longest.properties("Version")["Description"]) <= 256
    assert made.properties("Alias")["FunctionVersion"] == "<Version.Version>"
    assert made.properties("LogGroup")["LogGroupName"] == "/aws/lambda/s3vl"


def test_the_alarm_for_refusals_reads_what_the_function_writes(service: Service) -> None:
    made = stack()
    pattern = made.properties("RefusedMetric")["FilterPattern"]
    service.fail(Rule("deny", action="s3vectors:ListVectors"))
    service.answer("list_vectors")
    (line,) = map(json.loads, service.logged)
    assert set(re.findall(r"\$\.(\w+)", pattern)) <= set(line)
    assert line["success"] is False
    assert line["kind"] not in re.findall(r'"(\w+)"', pattern)
    (metric,) = made.properties("RefusedMetric")["MetricTransformations"]
    alarm = made.properties("RefusedAlarm")
    assert (metric["MetricNamespace"], metric["MetricName"]) == (alarm["Namespace"], alarm["MetricName"])
    alarms = [each["Properties"] for each in made.resources.values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    assert len(alarms) == 4
    assert not any("AlarmActions" in each for each in alarms)
    topic = "arn:aws:sns:eu-central-1:123456789012:alarms"
    told = stack(AlarmTopicArn=topic)
    assert all(told.properties(name)["AlarmActions"] == [topic] for name in told.resources if name.endswith("Alarm"))


def test_the_statements_of_the_outputs_set_the_schema_up(sql: Sql) -> None:
    made = stack(NewBucketName="shop", NewIndexName="things")
    configure = made.outputs["ConfigureStatement"]["Value"].replace("<Alias>", f"{FUNCTION}:live")
    assert sql.value(configure) is True
    index = sql.service.products.replace("index/products", "index/things")
    register = made.outputs["RegisterStatement"]["Value"].replace("<Index.IndexArn>", index)
    assert sql.value(register) is True
    assert sql.value("SELECT timeout_seconds FROM s3vl.get_config()") == 30
