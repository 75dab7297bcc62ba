# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What `bin/test` is made of: the parts, the pool that runs them, and what a change can touch."""
