"""What an operator does with jobs that ended without a result, over HTTP or from a shell."""

from dramatiq import Broker

from server.stores.dfm_review_jobs import Job, ReviewJobs
from workers import actors, brokers


def retry(jobs: ReviewJobs, broker: Broker | None, job_id: str, *, by: str) -> Job:
    """Queue a job again that is failed or dead; durable when this returns.

    Raises what `jobs.bring_back` raises, BrokerError, and NotQueuedError, after which it is failed again.
    """
    if broker is not None and jobs.get(job_id).is_dead_letter:
        brokers.purge_dead_letters(broker, actors.QUEUE, job_id)
    job = jobs.bring_back(job_id, reason=f"retried by {by}")
    actors.put_on_queue(jobs, broker, job, is_new=False)
    return job


def discard(jobs: ReviewJobs, broker: Broker | None, job_id: str, *, by: str) -> Job:
    """Take a job that is failed or dead off the dead letters for good; durable when this returns.

    Raises what `jobs.discard` raises, and BrokerError if the queue cannot be used: ask again then.
    """
    if broker is not None and jobs.get(job_id).is_dead_letter:
        brokers.purge_dead_letters(broker, actors.QUEUE, job_id)
    return jobs.discard(job_id, reason=f"discarded by {by}")
