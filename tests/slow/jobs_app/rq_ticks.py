"""What `rq cron` sends: a tick in each ten seconds of the clock."""

import rq_jobs
import store
from rq import cron

cron.register(
    rq_jobs.tick, "jobs", cron=f"* * * * * */{store.TICK_SECONDS}", meta={"sender": store.RELEASE}, result_ttl=60
)
