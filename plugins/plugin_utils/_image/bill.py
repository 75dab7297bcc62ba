# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The bill of materials of an image: that of its release (module_utils/_audit/sbom.py) without what only a host's release has.

The same revision, deployed on two hosts, has two ids and two times; its image has one of each.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import json
import uuid


def document(text: str, release: str, created: str, base: str) -> str:
    """Return the bill in TEXT as the image has it, which stands on BASE; CREATED is its time, "" for none."""
    found = json.loads(text)
    about = {**found.get("metadata", {}), "properties": [{"name": "slipway:release", "value": release}]}
    about.pop("timestamp", None)
    if created:
        about["timestamp"] = created
    container = {"type": "container", "bom-ref": "container:base", "name": base}
    found["metadata"] = about
    found["components"] = [*found.get("components", []), container]
    found.pop("serialNumber", None)
    digest = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
    found["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}"
    return json.dumps(found, indent=2, sort_keys=True) + "\n"
