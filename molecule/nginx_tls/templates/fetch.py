#!/usr/bin/python3
"""A client that says exactly what it is told: lines in, each a JSON list of requests; a line with a list of answers to each."""

import contextlib
import http.client
import json
import socket
import ssl
import sys


def fetch(ask):
    """Return status, headers and body of one request, or the error that it met."""
    plain = ask.get("plain", False)
    wire = socket.create_connection(
        (ask.get("address", "127.0.0.1"), 80 if plain else 443), 10, (ask.get("source", ""), 0)
    )
    answer = {}
    if not plain:
        context = ssl._create_unverified_context()
        if "ca" in ask:
            context = ssl.create_default_context(cafile=ask["ca"])
        if "tls" in ask:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = ssl.TLSVersion[ask["tls"]]
        if "certificate" in ask:
            context.load_cert_chain(*ask["certificate"])
        context.set_alpn_protocols(ask.get("alpn", ["http/1.1"]))
        wire = context.wrap_socket(wire, server_hostname=ask.get("sni", ask["host"]))
        answer = {"alpn": wire.selected_alpn_protocol(), "tls": wire.version(), "cipher": wire.cipher()[0]}
    if ask.get("handshake_only"):
        return answer
    connection = http.client.HTTPConnection(ask["host"])
    connection.sock = wire
    connection.putrequest(ask.get("method", "GET"), ask.get("path", "/"), skip_host=True, skip_accept_encoding=True)
    body = b"x" * ask.get("bytes", 0)
    headers = {"Host": ask["host"], **ask.get("headers", {})}
    if body:
        headers["Content-Length"] = str(len(body))
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    with contextlib.suppress(OSError):  # nginx answers 413 before it has read all
        connection.send(body)
    response = connection.getresponse()
    headers = [[name.lower(), value] for name, value in response.getheaders()]
    return {**answer, "status": response.status, "headers": headers, "body": response.read().decode("latin-1")}


def fetch_or_error(ask):
    try:
        return fetch(ask)
    except (OSError, http.client.HTTPException) as error:
        return {"error": type(error).__name__, "message": str(error)}


for line in sys.stdin:
    print(json.dumps([fetch_or_error(ask) for ask in json.loads(line)]), flush=True)
