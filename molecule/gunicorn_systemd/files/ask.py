"""Ask a Unix socket over HTTP: `ask.py '{"socket": …, "path": …, "method": …, "headers": {…}, "body": …}'`.

With "keep": true, say whether the connection may be used again instead of what was answered.
"""

import json
import socket
import sys

wanted = json.loads(sys.argv[1])
body = wanted.get("body", "").encode()
headers = {
    "Host": "site.example",
    "Connection": "keep-alive" if wanted.get("keep") else "close",
    "Content-Length": len(body),
    **wanted.get("headers", {}),
}
head = f"{wanted.get('method', 'GET')} {wanted['path']} HTTP/1.1\r\n"
head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
answer = b""
with socket.socket(socket.AF_UNIX) as connection:
    connection.settimeout(30)
    connection.connect(wanted["socket"])
    connection.sendall(head.encode("latin-1") + b"\r\n" + body)
    while part := connection.recv(65536):
        answer += part
        if wanted.get("keep") and b"\r\n\r\n" in answer:
            break
head, _, text = answer.partition(b"\r\n\r\n")
kept = json.dumps(b"connection: close" not in head.lower())
print(json.dumps({"status": int(head.split()[1]), "text": kept if wanted.get("keep") else text.decode()}))
