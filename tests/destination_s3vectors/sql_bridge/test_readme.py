"""The examples of the README do what it shows."""

import re

from tests.destination_s3vectors.sql_bridge.conftest import Sql, statements

EXAMPLE = re.compile(r"```sql\n(.*?)```\n(?:```text\n(.*?)```)?", re.DOTALL)


def test_the_examples_give_what_stands_below_them(sql: Sql) -> None:
    examples = EXAMPLE.findall(statements("README.md"))
    assert len(examples) == 9
    for query, shown in examples:
        cursor = sql.connection.execute(query)
        while cursor.nextset():
            pass
        found = [" | ".join(map(as_psql, row)).rstrip() for row in cursor.fetchall()]
        assert found == shown.splitlines(), query


def as_psql(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "t" if value else "f"
        case dict():
            return str(value).replace("'", '"')
    return str(value)
