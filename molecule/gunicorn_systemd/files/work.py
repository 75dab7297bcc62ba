"""A worker that says how it was started, and of what it was given in secret only the hash."""

import hashlib
import os
import sys
import time

name, text, secret = sys.argv[1:]
print("at work", [name, text], hashlib.sha256(secret.encode()).hexdigest(), os.environ["SPACES"], flush=True)
time.sleep(1_000_000)
