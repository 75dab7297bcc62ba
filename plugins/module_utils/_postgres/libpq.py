# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A connection over libpq itself, for SQL that must not reach psql, and for rows that go in as fast as they are read.

libpq is on each host that has psql; a driver for Python is in the apps' own environments only. What a server sends is kept
in messages alone.

Source: PostgreSQL manual, 32 (libpq): 32.1 connecting, 32.3 PQexec, 32.10 COPY.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

OK, EMPTY, COMMAND, TUPLES, COPY_OUT, COPY_IN = 0, 0, 1, 2, 3, 4
"""CONNECTION_OK, and the values of ExecStatusType (libpq-fe.h)."""
SQLSTATE, PRIMARY, DETAIL, HINT, CONTEXT = (ord(letter) for letter in "CMDHW")
"""Fields of an error (postgres_ext.h, PG_DIAG_…)."""


class ServerError(RuntimeError):
    """What the server refused, with its SQLSTATE ("" when the connection itself is gone)."""

    def __init__(self, message: str, state: str = "", detail: str = "", context: str = "") -> None:
        super().__init__(message)
        self.state, self.detail, self.context = state, detail, context


class Connection:
    """A session of the server that PARAMETERS (libpq's names) lead to. `with` ends it."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        """Connect. Raises ServerError, and OSError where there is no libpq."""
        self.library = _library()
        names, values = list(parameters), list(parameters.values())
        texts = [_array(part) for part in (names, values)]
        self.handle = ctypes.c_void_p(self.library.PQconnectdbParams(*texts, 0))
        if self.library.PQstatus(self.handle) != OK:
            said = self._message()
            self.close()
            raise ServerError(said)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session."""
        if self.handle:
            self.library.PQfinish(self.handle)
            self.handle = ctypes.c_void_p()

    def run(self, sql: bytes) -> bool:
        """Run SQL; tell whether it is a COPY that waits for rows. Raises ServerError.

        What a statement returns is dropped.
        """
        result = self.library.PQexec(self.handle, sql)
        status = self.library.PQresultStatus(result)
        try:
            if status == COPY_OUT:
                raise ServerError("it asks for rows to be sent out")
            if status not in (EMPTY, COMMAND, TUPLES, COPY_IN):
                raise self._error(result)
        finally:
            self.library.PQclear(result)
        return bool(status == COPY_IN)

    def value(self, sql: str) -> str:
        """Run SQL and return the first value of what it returns, "" for none or NULL. Raises ServerError."""
        result = self.library.PQexec(self.handle, sql.encode())
        try:
            if self.library.PQresultStatus(result) != TUPLES:
                raise self._error(result)
            text: bytes = self.library.PQgetvalue(result, 0, 0) if self.library.PQntuples(result) else b""
            return text.decode()
        finally:
            self.library.PQclear(result)

    def rows(self, rows: bytes) -> None:
        """Give a COPY some of its rows. Raises ServerError when the connection is gone; a wrong row is told at the end."""
        if self.library.PQputCopyData(self.handle, rows, len(rows)) != 1:
            raise ServerError(self._message())

    def end_rows(self) -> None:
        """Tell a COPY that it has all rows. Raises ServerError for one that the server did not take."""
        if self.library.PQputCopyEnd(self.handle, None) != 1:
            raise ServerError(self._message())
        failed: ServerError | None = None
        while result := self.library.PQgetResult(self.handle):
            if self.library.PQresultStatus(result) not in (EMPTY, COMMAND) and failed is None:
                failed = self._error(result)
            self.library.PQclear(result)
        if failed:
            raise failed

    def _error(self, result: Any) -> ServerError:
        fields = {}
        for name, field in (("state", SQLSTATE), ("message", PRIMARY), ("detail", DETAIL), ("context", CONTEXT)):
            found = self.library.PQresultErrorField(result, field)
            fields[name] = found.decode("utf-8", "replace") if found else ""
        message = fields.pop("message") or self._message()
        return ServerError(message, **fields)

    def _message(self) -> str:
        said: bytes = self.library.PQerrorMessage(self.handle)
        return said.decode("utf-8", "replace").strip()


def _array(texts: list[str]) -> Any:
    return (ctypes.c_char_p * (len(texts) + 1))(*(text.encode() for text in texts), None)


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libpq.so.5")
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, result, *arguments in (
        ("PQconnectdbParams", pointer, pointer, pointer, number),
        ("PQstatus", number, pointer), ("PQfinish", None, pointer), ("PQerrorMessage", text, pointer),
        ("PQexec", pointer, pointer, text), ("PQresultStatus", number, pointer), ("PQclear", None, pointer),
        ("PQresultErrorField", text, pointer, number), ("PQntuples", number, pointer),
        ("PQgetvalue", text, pointer, number, number), ("PQputCopyData", number, pointer, text, number),
        ("PQputCopyEnd", number, pointer, text), ("PQgetResult", pointer, pointer),
    ):  # fmt: skip
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
