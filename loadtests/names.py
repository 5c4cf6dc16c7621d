"""What requests are called in the statistics; apart from users.py, since importing Locust changes the whole process."""

UPLOAD, REVIEW, REFUSED, REMOVE = "POST model", "POST review", "POST review: 429", "DELETE model"
READYZ, HEALTHZ, JOB, RUN = "GET /readyz", "GET /healthz", "GET job", "GET run"
TICKETS, TICKET, EVENTS, ENDED = "GET tickets", "POST ticket", "events until the end", "review until the end"
READS = (READYZ, JOB, RUN, TICKETS)
