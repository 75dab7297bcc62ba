# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The folder that a user deploys from: what is asked for it, what is in it, and how it finds Slipway."""
