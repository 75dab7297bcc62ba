# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What of a foreign dump is run: all that makes tables and data; not what is about the server, the roles and the owners it had.

This is for dumps of other servers to work at all, and for a clear word where one can't. What a dump must not do it can't:
it runs as the app's own role, which has no right to, over a connection that has no commands of psql's.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

NAME = r'(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<name>[\w$]+))'
EXTENSION = re.compile(
    rf"create\s+extension\s+(?:if\s+not\s+exists\s+)?{NAME}(?:.*?\bschema\s+(?P<schema>\"(?:[^\"]|\"\")+\"|[\w$]+))?",
    re.IGNORECASE | re.DOTALL,
)
CONNECT = re.compile(rf"\\c(?:onnect)?\s+(?:-\S+\s+)*{NAME}", re.IGNORECASE)
MAINTENANCE = {"postgres", "template1", "defaultdb"}
"""Databases that a dump connects to only to make another one."""
HARMLESS = ("restrict", "unrestrict", "encoding", "echo", "set", "pset", "timing", "unset", "qecho", "warn")
"""Commands of psql's that dumps and hand-made scripts have, and that mean nothing here."""

LEFT_OUT = [
    ("owners", r"alter\s+.*?\s+owner\s+to\s+\S+\s*$"),
    ("rights", r"(?:grant|revoke)\b|alter\s+default\s+privileges\b"),
    ("roles", r"(?:create|alter|drop)\s+(?:role|user(?!\s+mapping)|group)\b|(?:re)?set\s+(?:local\s+|session\s+)?role\b"
              r"|(?:re)?set\s+session\s+authorization\b|comment\s+on\s+role\b|reassign\s+owned\b|drop\s+owned\b"),
    ("settings of the server or the database", r"(?:create|drop|alter)\s+database\b|alter\s+system\b|comment\s+on\s+database\b"
              r"|(?:create|drop|alter)\s+tablespace\b|set\s+default_tablespace\s*(?:=|to)(?!\s*'')|load\b|checkpoint\b"),
    ("replication", r"(?:create|alter|drop)\s+(?:publication|subscription)\b|comment\s+on\s+(?:publication|subscription)\b"),
    ("event triggers", r"(?:create|alter|drop)\s+event\s+trigger\b|comment\s+on\s+event\s+trigger\b"),
    ("security labels", r"security\s+label\b"),
    ("", r"(?:comment\s+on|alter|drop)\s+extension\b|(?:create|drop|comment\s+on)\s+(?:or\s+replace\s+)?(?:trusted\s+)?"
         r"(?:procedural\s+)?language\s+(?:if\s+exists\s+)?\"?plpgsql\b"),
]  # fmt: skip
"""What is told of statements that are left out ("": nothing), and how they begin."""
_LEFT_OUT = [(what, re.compile(pattern, re.IGNORECASE | re.DOTALL)) for what, pattern in LEFT_OUT]
HEAD = 400
"""Octets of a statement by which it is known; OWNER TO stands at the end, and only in short statements."""

SERVERS = re.compile(
    r"pg_stat_statements|pg_cron|pgaudit\w*|pg_net|pgsodium|supabase\w*|pg_graphql|pgjwt|aiven\w*|rds_\w+|aws_\w+|azure\w*"
    r"|google_\w+|google_vacuum_mgmt|pg_hint_plan|pg_repack|pg_buffercache|pglogical|pgstattuple|hypopg|plpgsql|plpgsql_check"
    r"|pg_wait_sampling|pg_qualstats|do_\w+|neon\w*|pg_partman|pg_squeeze|pg_prewarm"
)
"""Extensions that are there for who runs the server, or for a provider's own sake: a dump is whole without them."""

COPY = re.compile(r"copy\s(?!.*\b(?:from\s+stdin|to\s+stdout)\b)", re.IGNORECASE | re.DOTALL)

ENDS = re.compile(r"(?:begin|commit|rollback|end|start\s+transaction|abort)\b(?!.*\batomic\b)", re.IGNORECASE)
CAREFUL = re.compile(
    r"(?:set|create\s+(?:schema|policy|extension)|comment|drop|alter|select\s+pg_catalog\.set_config)\b", re.IGNORECASE
)
"""How those begin that `passes` may let fail."""

EXISTS = {"42P06", "42P07"}
ABSENT = {"42P01", "42704", "42883", "3F000", "42P13"}
"""SQLSTATEs (manual, appendix A): duplicate_schema and _table; undefined_table, _object, _function, invalid_schema_name."""
NOT_SETTABLE = {"42704", "42501", "55P02", "22023"}
"""undefined_object, insufficient_privilege, cant_change_runtime_param, invalid_parameter_value."""


@dataclass(frozen=True)
class Extension:
    """An extension that a dump asks for, and the schema that it has it in ("": as it comes)."""

    name: str
    schema: str = ""


def head(text: bytes) -> str:
    """Return the begin of a statement as text, without the comments before it."""
    begin = text[:HEAD].decode("utf-8", "replace") if len(text) > 4 * HEAD else text.decode("utf-8", "replace")
    return re.sub(r"\A(?:\s+|--[^\n]*\n|/\*.*?\*/)+", "", begin, flags=re.DOTALL)


def left_out(text: bytes) -> str | None:
    """Return what a statement is about that is left out ("": nothing worth a word), None for one that is run."""
    begin = head(text)
    if EXTENSION.match(begin):
        return ""
    for what, pattern in _LEFT_OUT:
        if pattern.match(begin) and not (what == "owners" and len(text) > 4 * HEAD):
            return what
    return None


def extension(text: bytes) -> Extension | None:
    """Return the extension that a statement makes, None for another statement."""
    found = EXTENSION.match(head(text))
    if not found:
        return None
    return Extension(_plain(found["quoted"], found["name"]), _unquoted(found["schema"] or ""))


def database_of(command: bytes) -> str | None:
    r"""Return the database that a psql COMMAND connects to ("" for none), None for a command that has no effect here.

    Raises DumpError for any other command: no dump of pg_dump's has one, and some run programs (`\!`, `\copy … program`).
    """
    text = command.decode("utf-8", "replace")
    if found := CONNECT.match(text):
        name = _plain(found["quoted"], found["name"])
        return re.sub(r".*dbname='([^']*)'.*", r"\1", text) if "dbname=" in text else name
    word = re.match(r"\\(\w+)", text)
    if word and word[1] in HARMLESS and "`" not in text:
        return None
    raise DumpError(f"it has the psql command {text.split()[0][:40]}, which no dump needs. Nothing of it was run")


def refuse(text: bytes) -> None:
    """Raise DumpError for a statement that has to do with the host's files and programs."""
    begin = head(text)
    if COPY.match(begin) and not re.match(r"copy\s.*\bto\s+stdout\b", begin, re.IGNORECASE | re.DOTALL):
        raise DumpError(
            "it has a COPY with a file or a program of the host, which no dump from pg_dump has. Nothing of it was run"
        )


def needs(asked: Collection[Extension], wanted: Collection[str]) -> tuple[list[Extension], list[str], list[str]]:
    """Sort what a dump has ASKED for: extensions to be made (WANTED by the app), missing ones, and those left out."""
    make, missing, out = [], [], []
    for one in asked:
        if one.name in wanted:
            make.append(one)
        elif one.name == "plpgsql":
            continue
        elif SERVERS.fullmatch(one.name):
            out.append(one.name)
        else:
            missing.append(one.name)
    return make, missing, out


def passes(text: bytes, state: str, schemas: Collection[str] = ("public",), extends: bool = False) -> str | None:
    """Return what is told of a statement that the server refused with SQLSTATE and can do without, None where it can't.

    SCHEMAS are there before the dump is. EXTENDS: it makes an extension, by the dump's own means.
    """
    begin = head(text)
    if extends and (made := extension(text)):
        return f"the extension {made.name}" if made.name == "plpgsql" or SERVERS.fullmatch(made.name) else None
    if re.match(r"set\s", begin, re.IGNORECASE) and state in NOT_SETTABLE:
        return ""  # of another version of the server, or another server's
    if re.match(r"select\s+pg_catalog\.set_config\(", begin, re.IGNORECASE) and state in NOT_SETTABLE:
        return ""
    if (found := re.match(rf"create\s+schema\s+{NAME}", begin, re.IGNORECASE)) and state in EXISTS:
        return "" if _plain(found["quoted"], found["name"]) in schemas else None
    if re.match(r"comment\s+on\s+schema\s", begin, re.IGNORECASE) and state == "42501":
        return ""
    drops = re.match(r"drop\s|alter\s.*\sdrop\s", begin, re.IGNORECASE | re.DOTALL)
    if drops and (state in ABSENT or state == "42501"):
        return ""  # pg_dump --clean: the database is new
    if re.match(r"create\s+policy\s", begin, re.IGNORECASE) and state == "42704":
        return "policies for roles that are not here"
    return None


def shown(text: bytes) -> str:
    """Return a statement as a message has it: on one line, and not all of a long one."""
    line = re.sub(r"\s+", " ", head(text)).strip()
    return line if len(line) <= 160 else f"{line[:160]}…"


def _plain(quoted: str | None, name: str | None) -> str:
    return quoted.replace('""', '"') if quoted else (name or "").lower()


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
