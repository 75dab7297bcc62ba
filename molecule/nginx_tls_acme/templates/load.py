#!/usr/bin/python3
"""Ask a site over new TLS connections until COMMAND has ended: `load DOMAIN COMMAND…`; one line of JSON tells what came."""

import collections
import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading

AT_ONCE = 4
domain, command = sys.argv[1], sys.argv[2:]
context = ssl._create_unverified_context()
over = threading.Event()
answers, certificates = collections.Counter(), collections.Counter()


def ask():
    while not over.is_set():
        try:
            wire = context.wrap_socket(socket.create_connection(("127.0.0.1", 443), 10), server_hostname=domain)
            certificates[hash(wire.getpeercert(binary_form=True))] += 1
            connection = http.client.HTTPConnection(domain)
            connection.sock = wire
            connection.request("GET", "/", headers={"Connection": "close"})
            answer = connection.getresponse()
            answer.read()
            answers[answer.status] += 1
        except (OSError, http.client.HTTPException) as error:
            answers[repr(error)] += 1
        finally:
            connection.close()


threads = [threading.Thread(target=ask) for _ in range(AT_ONCE)]
for thread in threads:
    thread.start()
done = subprocess.run(command, capture_output=True, text=True)
over.set()
for thread in threads:
    thread.join()
print(
    json.dumps(
        {
            "answers": answers,
            "certificates": len(certificates),
            "status": done.returncode,
            "said": done.stdout + done.stderr,
        }
    )
)
