# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's entry of `slipway_apps`, written by looking at its source; nothing of the source is imported or run."""
