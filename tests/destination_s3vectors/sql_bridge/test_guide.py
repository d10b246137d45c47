"""The guide does what it shows: statements, figures, messages, commands, parameters."""

import ast
import json
import math
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.session import Session

from demo import aws_lambda
from destination_s3vectors.emulator import faults
from destination_s3vectors.sql_bridge import package
from tests.destination_s3vectors.sql_bridge.conftest import BUCKET, FUNCTION, Service, Sql
from tests.destination_s3vectors.sql_bridge.stack import stack, template
from tests.destination_s3vectors.sql_bridge.test_readme import EXAMPLE, as_psql

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "sql-bridge.md").read_text()
EXAMPLES = EXAMPLE.findall(GUIDE)
NEAREST, QUESTIONS = 10, 10
SEARCHES = (2000, 10, 100, 1000)  # `top_k`: of the whole table, to compare with; those of the guide
FILTERS = {"tenant": "north", "maker": 3, "series": 3, "season": "winter"}


@pytest.fixture
def guide(service: Service, sql: Sql) -> Sql:
    """The index of the guide: it searches the text in `name`."""
    service.client.delete_index(indexArn=service.products)
    service.client.create_index(
        vectorBucketName=BUCKET,
        indexName="products",
        dataType="float32",
        dimension=3,
        distanceMetric="cosine",
        metadataConfiguration={"textSearchConfigurations": [{"metadataKey": "name", "language": "en"}]},
    )
    sql.connection.execute("SELECT s3vl.unregister_index('products')")
    return sql


def run(sql: Sql, query: str) -> list[str]:
    """What the last statement of the example shows."""
    cursor = sql.connection.execute(query)
    while cursor.nextset():
        pass
    return [" | ".join(map(as_psql, row)).rstrip() for row in cursor.fetchall()]


def test_the_examples_give_what_stands_below_them(guide: Sql) -> None:
    assert len(EXAMPLES) == 8
    for query, shown in EXAMPLES:
        before = len(guide.aws_lambda.invoked)
        assert run(guide, query) == shown.splitlines(), query
        if "JOIN" in query:
            assert len(guide.aws_lambda.invoked) == before + 1, query
    assert guide.value("SELECT lambda_arn FROM s3vl.get_config()") == f"{FUNCTION}:live"


def questions() -> list[list[float]]:
    """Directions in which the first number counts most: the season goes against them."""
    return [[2.0, math.sin(n * 1.7), math.sin(n * 4.1)] for n in range(QUESTIONS)]


def recall(guide: Sql, column: str) -> list[float]:
    """After searches of 10, 100 and 1,000; with the filter in the search; with the filter before it."""
    value = FILTERS[column]
    best, *found = (
        ids(
            guide.rows(
                "SELECT v.query_number, v.vector_id FROM found v JOIN product p ON p.id = v.vector_id "
                f"WHERE v.top_k = %s AND p.{column} = %s ORDER BY v.distance",
                *(top_k, value),
            )
        )
        for top_k in SEARCHES
    )
    found.append(
        ids(
            guide.rows(
                "SELECT query_number, vector_id FROM s3vl.query_many("
                "%s::float8[], 'products', top_k => %s, metadata_filter => %s) ORDER BY distance",
                *(questions(), NEAREST, json.dumps({column: {"$eq": value}})),
            )
        )
    )
    among = (
        "SELECT vector_id FROM s3vl.query_among("
        f"%s, (SELECT array_agg(id) FROM product WHERE {column} = %s), 'products', top_k => %s)"
    )
    found.append([[row[0] for row in guide.rows(among, question, value, NEAREST)] for question in questions()])
    return [
        sum(len(set(mine) & set(others)) for mine, others in zip(each, best, strict=True)) / (NEAREST * QUESTIONS)
        for each in found
    ]


def search(guide: Sql) -> None:
    """All questions, each with every `top_k`, into the table `found`."""
    guide.connection.execute("CREATE TABLE found (top_k int, query_number int, vector_id text, distance float8)")
    for top_k in SEARCHES:
        guide.connection.execute(
            "INSERT INTO found SELECT %s, v.query_number, v.vector_id, v.distance "
            "FROM s3vl.query_many(%s::float8[], 'products', top_k => %s, return_metadata => false) v",
            [top_k, questions(), top_k],
        )


def ids(rows: list[tuple[Any, ...]]) -> list[list[str]]:
    """The nearest of each question."""
    return [[key for number, key in rows if number == n][:NEAREST] for n in range(1, QUESTIONS + 1)]


def test_the_figures_of_recall_are_measured(guide: Sql) -> None:
    for query, _ in EXAMPLES[:2]:
        run(guide, query)
    search(guide)
    measured = {column: [f"{share:.2f}" for share in recall(guide, column)] for column in FILTERS}
    shown = {
        column: [cell.strip() for cell in cells.split("|")]
        for column, cells in re.findall(r"^\| [^|]*\(`(\w+)`\) \|(.*)\|$", GUIDE, re.MULTILINE)
    }
    assert shown == measured


def texts() -> Iterator[str]:
    """Of the code: what is put in is `…`."""
    for source in package.own_files().values():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    schema = Path(package.__file__).with_name("s3vl.sql").read_text()
    yield re.sub(r"'\s*\n\s*'", "", schema)  # a long literal is several
    yield Path(aws_lambda.__file__).read_text()  # AWS's own, as it documents them
    yield Path(faults.__file__).read_text()  # likewise, of the service


def test_every_message_of_the_guide_exists() -> None:
    table = GUIDE.partition("## When it does not work")[2].partition("\n\nNo rows")[0]
    messages = [
        message
        for line in table.splitlines()
        if line.startswith("| ")
        for message in re.findall("`([^`]+)`", line.split("|")[1])
    ]
    assert len(messages) > 18
    known = list(texts())
    for message in messages:
        pattern = re.compile(".*?".join(re.escape(part) for part in message.split("…")))
        assert any(map(pattern.search, known)), message


def commands() -> Iterator[list[str]]:
    for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            yield shlex.split(line)


def test_the_commands_of_aws_exist_with_their_options() -> None:
    session: Any = Session()
    own = {("s3", "cp"), ("s3", "rm"), ("cloudformation", "deploy"), ("cloudformation", "wait")}  # the CLI's
    checked = 0
    for program, *words in commands():
        if program != "aws" or tuple(words[:2]) in own:
            continue
        model = session.get_service_model(words[0])
        operations = {xform_name(name, "-"): name for name in model.operation_names}
        members = model.operation_model(operations[words[1]]).input_shape.members
        options = {word.removeprefix("--") for word in words if word.startswith("--")} - {"query"}
        assert options <= {xform_name(name, "-") for name in members}, words
        checked += 1
    assert checked == 9


def test_the_command_of_the_stack_fits_the_template() -> None:
    (deploy,) = [words for words in commands() if words[1:3] == ["cloudformation", "deploy"]]
    assert (ROOT / deploy[deploy.index("--template-file") + 1]).is_file()
    given = dict(word.split("=", 1) for word in deploy[deploy.index("--parameter-overrides") + 1 :])
    made = stack(**given)
    assert made.allowed("<ExecutionRole>")["s3vectors:PutVectors"] == {given["IndexArns"]}
    role = "arn:aws:iam::123456789012:role/s3vl-DatabaseRole-1A2B3C"
    for output in ("AssociateCommand", "DissociateCommand"):
        command = made.outputs[output]["Value"].replace("<DatabaseRole.Arn>", role)
        assert shlex.split(command) in list(commands())
    named = set(re.findall("`([A-Z][a-z]+[A-Z]\\w+)`?=?", GUIDE))
    known = {*template()["Parameters"], *template()["Outputs"], *template()["Resources"]}
    assert {name for name in named if name not in ("QueryVectors", "GetVectors")} <= known
    for path, place in re.findall(r"\]\((\.\./[^)#]+)#?([^)]*)\)", GUIDE):
        text = (ROOT / "docs" / path).read_text()
        titles = [title.lower().replace(" ", "-") for title in re.findall("^#+ (.+)$", text, re.MULTILINE)]
        assert place in ("", *titles), f"{path}#{place}"
