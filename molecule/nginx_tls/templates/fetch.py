#!/usr/bin/python3
"""A client that says exactly what it is told: JSON in the first argument, JSON out."""

import http.client
import json
import socket
import ssl
import sys

ask = json.loads(sys.argv[1])
plain = ask.get("plain", False)
try:
    wire = socket.create_connection((ask.get("address", "127.0.0.1"), 80 if plain else 443), timeout=10)
    answer = {}
    if not plain:
        context = ssl._create_unverified_context()
        context.set_alpn_protocols(ask.get("alpn", ["http/1.1"]))
        if "tls" in ask:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = ssl.TLSVersion[ask["tls"]]
        if "ca" in ask:
            context = ssl.create_default_context(cafile=ask["ca"])
        wire = context.wrap_socket(wire, server_hostname=ask.get("sni", ask["host"]))
        answer = {"alpn": wire.selected_alpn_protocol(), "tls": wire.version(), "cipher": wire.cipher()[0]}
    if ask.get("handshake_only"):
        print(json.dumps(answer))
        sys.exit()
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
    try:
        connection.send(body)
    except OSError:
        pass  # nginx answers 413 before it has read all
    response = connection.getresponse()
    answer["status"] = response.status
    answer["headers"] = [[name.lower(), value] for name, value in response.getheaders()]
    answer["body"] = response.read().decode("latin-1")
except (OSError, http.client.HTTPException) as error:
    answer = {"error": type(error).__name__, "message": str(error)}
print(json.dumps(answer))
