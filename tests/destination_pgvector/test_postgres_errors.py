import psycopg
import pytest
from psycopg.errors import lookup

from destination_pgvector.server.postgres_errors import is_transient, mapped
from vector_ingest.errors import ConfigError, TransientError

TRANSIENT = {
    "08006": "connection failure",
    "40001": "could not serialize access",
    "40P01": "deadlock detected",
    "53100": "could not extend file: No space left on device",
    "53300": "sorry, too many clients already",
    "57P01": "terminating connection due to administrator command",
    "57P03": "the database system is starting up",
    "55P03": "canceling statement due to lock timeout",
}
MENDABLE = {
    "28P01": "password authentication failed",
    "3D000": 'database "x" does not exist',
    "42501": "permission denied for schema public",
    "0A000": 'extension "vector" is not available',
    "2BP01": "cannot drop table x because other objects depend on it",
}


@pytest.mark.parametrize("code", TRANSIENT)
def test_what_passes_by_itself_is_tried_again(code: str) -> None:
    error = lookup(code)(TRANSIENT[code])
    assert is_transient(error)
    with pytest.raises(TransientError, match="h:5432/d") as caught, mapped("h:5432/d"):
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("code", MENDABLE)
def test_what_the_user_can_mend_is_said_with_the_remedy(code: str) -> None:
    error = lookup(code)(MENDABLE[code])
    assert not is_transient(error)
    with pytest.raises(ConfigError, match=r"h:5432/d refused: .*\. [A-Z]"), mapped("h:5432/d"):
        raise error


def test_a_table_that_is_gone_does_not_come_back_by_waiting() -> None:
    error = lookup("42P01")('relation "x" does not exist')
    assert not is_transient(error)
    with pytest.raises(TransientError, match=r"lacks a table of this sync.*another sync"), mapped("here"):
        raise error


def test_a_full_disk_is_called_so() -> None:
    with pytest.raises(TransientError, match=r"out of disk space.*Make room"), mapped("here"):
        raise lookup("53100")("could not extend file")


@pytest.mark.parametrize("text", ["connection refused", "server closed the connection unexpectedly", "timeout expired"])
def test_a_connection_that_breaks_is_worth_another_try(text: str) -> None:
    assert is_transient(psycopg.OperationalError(text))


def test_a_mistake_of_ours_stays_what_it_is() -> None:
    with pytest.raises(psycopg.errors.SyntaxError), mapped("here"):
        raise lookup("42601")("syntax error")
