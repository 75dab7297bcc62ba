# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where an import was that did not come to an end, told from what `faulthandler` printed of its threads.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from pathlib import Path

STUCK = re.compile(r"^Timeout \(\d+:\d\d:\d\d(?:\.\d+)?\)!$", re.MULTILINE)
FRAME = re.compile(r'^  File "([^"]+)", line (\d+) in (.+)$', re.MULTILINE)
DOING = {
    r"/(werkzeug/(serving|_reloader)|gunicorn/arbiter|waitress/|uvicorn/|hypercorn/|cheroot/|wsgiref/|socketserver|gevent/"
    r"baseserver|tornado/ioloop|aiohttp/web)": "a server is started when it is imported: put `app.run()` and the like under "
                                             '`if __name__ == "__main__":`',
    r"/apscheduler/schedulers/blocking": "a scheduler that blocks is started when it is imported: run it separately",
    r"/(celery/|rq/worker|huey/consumer)": "a worker is started when it is imported: run it separately",
    r"/(psycopg|psycopg2|asyncpg|pg8000|pymysql|MySQLdb|redis|urllib3|httpx|http/client|ssl|socket)[/.]":
        "it waits for a database or another service that does not answer",
    r"/subprocess\.py": "it waits for a program that it has started",
    r"/(threading|queue|concurrent/futures/.*|multiprocessing/.*)\.py": "it waits for a thread or a lock of its own",
}  # fmt: skip
"""What is in a file's name -> what an app that does not come to an end is probably doing."""


def is_stuck(stderr: str) -> bool:
    """Tell whether STDERR has the threads of an import whose time was over."""
    return bool(STUCK.search(stderr))


def where(stderr: str, code: Path, seconds: int) -> str:
    """Return where such an import of the CODE was after its SECONDS, and what it was probably doing."""
    blocks = re.split(r"^(?=Thread 0x|Current thread 0x)", stderr[STUCK.search(stderr).start() :], flags=re.MULTILINE)  # type: ignore[union-attr]
    main = next((block for block in reversed(blocks) if 'File "<string>"' in block), blocks[-1])
    frames = FRAME.findall(main)
    source = f"{code.resolve()}/"
    own = next(((file, line) for file, line, _ in frames if file.startswith((source, f"{code}/"))), None)
    at = ""
    if own:
        at = f", at {own[0].removeprefix(source).removeprefix(f'{code}/')}, line {own[1]}"
    doing = next((text for pattern, text in DOING.items() for file, _, _ in frames if re.search(pattern, file)), "")
    return f"after {seconds} s (check_seconds){at}" + (f": {doing}" if doing else "")
