"""A tick that systemd's timer sends: whatever a schedule runs, without the rest of the app."""

import time

import store

store.tick("timer", store.TICK_SECONDS, time.time(), store.RELEASE)
