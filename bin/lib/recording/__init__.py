# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A terminal's recording: what is typed in it, its events as an asciinema cast, and an animated SVG of them.

Weighed: asciinema records well, but its SVG needs svg-term (a Node program without a release since 2019) or termtosvg
(archived in 2020); agg makes GIFs, ten times as large and without text. What is recorded here is lines with colours.
"""
