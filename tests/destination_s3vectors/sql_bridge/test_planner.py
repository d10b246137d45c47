"""One call of the function for each query_vectors of a statement, however the planner joins it."""

import itertools

from tests.destination_s3vectors.sql_bridge.conftest import Sql

SEARCH = "s3vl.query_vectors('{1,0,0}', 'products', top_k => 3)"
STATEMENTS = {
    "join": f"SELECT p.id FROM product p JOIN {SEARCH} v ON p.id = v.vector_id WHERE p.price < 500",
    "left join": f"SELECT p.id FROM {SEARCH} v LEFT JOIN product p ON p.id = v.vector_id",
    "cte": f"WITH v AS (SELECT * FROM {SEARCH}) SELECT p.id FROM product p JOIN v ON p.id = v.vector_id",
    "in": f"SELECT id FROM product WHERE id IN (SELECT vector_id FROM {SEARCH})",
    "not in": f"SELECT id FROM product WHERE id NOT IN (SELECT vector_id FROM {SEARCH}) LIMIT 3",
    "exists": f"SELECT id FROM product p WHERE EXISTS (SELECT FROM {SEARCH} v WHERE v.vector_id = p.id)",
    "two tables": f"SELECT p.id FROM {SEARCH} v JOIN product p ON p.id = v.vector_id JOIN product o ON o.id = p.id",
    "lateral": f"SELECT p.id FROM {SEARCH} v, LATERAL (SELECT * FROM product p WHERE p.id = v.vector_id) p",
    "ordered": f"SELECT p.id FROM product p JOIN {SEARCH} v ON p.id = v.vector_id ORDER BY v.distance, p.id LIMIT 3",
}
JOINS = ("hashjoin", "mergejoin", "nestloop")


def test_a_statement_makes_one_call(sql: Sql) -> None:
    sql.service.put(sql.service.products, *((f"p{n}", [1.0, n, 0.0], {}) for n in (1, 2, 3, 4)))
    sql.connection.execute(
        "CREATE TABLE product AS SELECT 'p' || n AS id, n AS price FROM generate_series(1, 20000) n; ANALYZE product"
    )
    for join, (name, statement) in itertools.product(JOINS, STATEMENTS.items()):
        for other in JOINS:
            sql.connection.execute(f"SET enable_{other} = {'on' if other == join else 'off'}")
        before = len(sql.aws_lambda.invoked)
        assert len(sql.rows(statement)) == 3, (join, name)
        assert len(sql.aws_lambda.invoked) == before + 1, (join, name)


def test_a_prepared_statement_asks_anew_each_time(sql: Sql) -> None:
    sql.connection.execute(f"PREPARE near AS SELECT count(*) FROM {SEARCH}")
    sql.connection.execute("SET plan_cache_mode = force_generic_plan")
    assert sql.value("EXECUTE near") == 0
    sql.service.put(sql.service.products, ("p1", [1.0, 0.0, 0.0], {}))
    assert sql.value("EXECUTE near") == 1
