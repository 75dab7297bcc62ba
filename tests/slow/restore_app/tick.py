"""A worker that writes to the database all the time: it must not while a restore exchanges it."""

import time

from app import app, db
from sqlalchemy import text

with app.app_context():
    while True:
        db.session.execute(text("SELECT count(*) FROM rows"))
        db.session.commit()
        time.sleep(0.2)
