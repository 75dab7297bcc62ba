"""A WSGI app that lets tests see a sandboxed service from within."""

import json
import os
import pathlib
import socket
import subprocess
import time
from urllib.parse import parse_qs


def can_write(name):
    try:
        return pathlib.Path(name).write_text("x") > 0
    except OSError:
        return False


def tell(environ):
    """Return what is asked for as JSON-able data; OSError tells what the sandbox refused."""
    path = environ["PATH_INFO"]
    query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    if path == "/whoami":
        return {"uid": os.getuid(), "gid": os.getgid(), "pid": os.getpid(), "master": os.getppid()}
    if path == "/env":
        return dict(os.environ)
    if path == "/upload":
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
        pathlib.Path(query["path"]).write_bytes(body)
    if path == "/writable":
        return [name for name in parse_qs(environ["QUERY_STRING"])["path"] if can_write(name)]
    if path == "/read":
        return pathlib.Path(query["path"]).read_text()
    if path == "/list":
        return sorted(os.listdir(query["path"]))
    if path == "/scheme":
        return [environ["wsgi.url_scheme"], environ.get("REMOTE_ADDR"), environ.get("SCRIPT_NAME")]
    if path == "/slow":
        time.sleep(float(query["seconds"]))
    if path == "/run":
        return subprocess.run(query["command"].split(), capture_output=True, text=True).stdout
    if path == "/connect":
        family = socket.AF_UNIX if query["to"].startswith("/") else socket.AF_INET
        with socket.socket(family) as peer:
            peer.connect(query["to"] if family == socket.AF_UNIX else (query["to"], int(query["port"])))
            return peer.recv(100).decode()
    if path == "/packet":
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    return "hello"


def app(environ, start_response, tell=tell):
    try:
        status, told = "200 OK", tell(environ)
    except OSError as error:
        status, told = "403 Forbidden", type(error).__name__
    body = json.dumps(told).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def create_app(greeting="hello", *, name="none"):
    def with_arguments(environ):
        return [greeting, name] if environ["PATH_INFO"] == "/arguments" else tell(environ)

    return lambda environ, start_response: app(environ, start_response, with_arguments)
