# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The order of versions (PEP 440), as far as it takes to tell which fixed version is the next one.

`packaging`, which knows all of it, is not on a bare host. PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re

VERSION = re.compile(
    r"v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<pre>alpha|beta|preview|pre|rc|a|b|c)[-_.]?(?P<pre_number>\d*))?"
    r"(?P<post>(?:[-_.]?(?:post|rev|r)[-_.]?|-)(?P<post_number>\d*))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_number>\d*))?(?:\+.*)?",
    re.IGNORECASE,
)
LONGEST = 100
"""Characters of a version. A hostile one could have more digits than Python makes a number of."""
PRE = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}
Order = tuple[int, tuple[int, ...], tuple[str, int], int, float]


def order(text: str) -> Order | None:
    """Return what versions are compared by, None for a text that is no version."""
    found = VERSION.fullmatch(text.strip()) if len(text) <= LONGEST else None
    if not found:
        return None
    numbers = [int(part) for part in found["release"].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    name = (found["pre"] or "").lower()
    dev = float(found["dev_number"] or 0) if found["dev"] else float("inf")
    if name:
        stage = (PRE.get(name, name), int(found["pre_number"] or 0))
    else:  # a dev release of the final one comes before all of its pre-releases
        stage = ("", 0) if found["dev"] and found["post"] is None else ("z", 0)
    post = int(found["post_number"] or 0) if found["post"] is not None else -1
    return int(found["epoch"] or 0), tuple(numbers), stage, post, dev
