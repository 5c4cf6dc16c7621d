"""Which cases of Dramatiq's test suite do not apply to FileBroker, and why.

Where the reason names a test of ours, that one checks the same of FileBroker.
`RACES` apply, and are tried up to five times: they look at what a worker has prefetched 1 or 10 ms after
sending it, which a queue in memory makes in time, and one on a busy disk not always.
"""

RACES = {
    "test_workers_process_messages_in_order",
    "test_stub_broker_respects_prefetch",
}

_COMMAND = "tests the command `dramatiq`, which uses no broker's code; RapidDraft runs its own workers/__main__.py"
_RABBITMQ = "tests connections, channels and options that only RabbitmqBroker has"
_REDIS = "tests connections and scripts that only RedisBroker has"
_REDIS_KEYS = "looks into Redis itself; ours: workers/file_broker/tests/"

FILES = {
    "test_cli.py": _COMMAND,
    "test_pidfile.py": _COMMAND,
    "test_watch.py": _COMMAND,
    "test_types.py": "has no test: it is for mypy, about Dramatiq's annotations",
}

CASES = {
    "test_broker.py::test_broker_uses_rabbitmq_if_not_set": _RABBITMQ,
    "test_broker.py::test_can_instantiate_brokers_without_middleware": _RABBITMQ,
    "test_stub_broker.py::test_stub_broker_can_be_flushed": (
        "puts a text that is no message among StubBroker's dead letters, and wants a flush to drop them; ours keeps"
        " dead letters: test_storage.py::test_flush_leaves_other_queues_and_dead_letters"
    ),
    # -- RedisBroker ------------------------------------------------------------------------------------
    "test_redis.py::test_redis_broker_can_connect_via_client": _REDIS,
    "test_redis.py::test_redis_broker_can_connect_via_url": _REDIS,
    "test_redis.py::test_redis_consumer_ack_can_retry_on_connection_error": (
        "replaces a script of RedisBroker; ours: test_broker.py::test_an_answer_that_fails_is_given_again"
    ),
    "test_redis.py::test_redis_consumer_nack_can_retry_on_connection_error": (
        "replaces a script of RedisBroker; ours: test_broker.py::test_an_answer_that_fails_is_given_again"
    ),
    "test_redis.py::test_redis_consumer_nack_does_not_raise_on_missing_id": (
        "answers a message that no broker handed out, with a Redis id;"
        " ours: test_broker.py::test_a_late_answer_is_refused_and_logged"
    ),
    "test_redis.py::test_redis_dead_lettered_messages_are_cleaned_up": (
        f"{_REDIS_KEYS}test_retention.py::test_dead_letters_end_with_their_age"
    ),
    "test_redis.py::test_redis_join_race_condition": (
        "calls a script of RedisBroker; ours counts a queue and its delay queue in one statement:"
        " test_retention.py::test_a_due_message_is_never_out_of_sight"
    ),
    "test_redis.py::test_redis_messages_belonging_to_missing_actors_are_rejected": (
        f"{_REDIS_KEYS}; the same case of test_actors.py and test_rabbitmq.py runs"
    ),
    "test_redis.py::test_redis_messages_can_be_dead_lettered": (
        f"{_REDIS_KEYS}; test_rabbitmq.py::test_rabbitmq_actors_can_have_retry_limits runs"
    ),
    "test_redis.py::test_redis_requeues_unhandled_delay_messages_on_shutdown": (
        f"{_REDIS_KEYS}test_broker.py::test_a_delayed_message_is_not_early_and_is_held_by_nobody_meanwhile"
    ),
    "test_redis.py::test_redis_requeues_unhandled_messages_on_shutdown": (
        f"{_REDIS_KEYS}test_broker.py::test_shutdown_returns_unstarted_messages_before_the_started_one_ends"
    ),
    "test_redis.py::test_redis_unacked_messages_can_be_requeued": (
        f"{_REDIS_KEYS}test_processes.py::test_the_message_of_a_killed_process_goes_to_another"
    ),
    # -- RabbitmqBroker ---------------------------------------------------------------------------------
    "test_rabbitmq.py::test_ignore_scary_logs_filter_ignores_logs": _RABBITMQ,
    "test_rabbitmq.py::test_rabbitmq_broker_can_be_passed_a_list_of_parameters_for_failover": _RABBITMQ,
    "test_rabbitmq.py::test_rabbitmq_broker_can_be_passed_a_list_of_uri_for_failover": _RABBITMQ,
    "test_rabbitmq.py::test_rabbitmq_broker_can_be_passed_a_semicolon_separated_list_of_uris": _RABBITMQ,
    "test_rabbitmq.py::test_rabbitmq_broker_can_enqueue_messages_with_priority": (
        "RabbitMQ's option broker_priority, of a message; FileBroker goes by the priority of the actor:"
        " test_actors.py::test_actors_can_prioritize_work runs"
    ),
    "test_rabbitmq.py::test_rabbitmq_broker_connections_are_lazy": _RABBITMQ,
    "test_rabbitmq.py::test_rabbitmq_broker_consuming_messages_re_declares_queues_when_declared_queue_disappears": (
        _RABBITMQ
    ),
    "test_rabbitmq.py::test_rabbitmq_broker_enqueueing_message_re_declares_queues_when_declared_queue_disappears": (
        _RABBITMQ
    ),
    "test_rabbitmq.py::test_rabbitmq_broker_raises_an_error_if_given_invalid_parameter_combinations": _RABBITMQ,
    "test_rabbitmq.py::test_rabbitmq_broker_reconnects_after_enqueue_failure": _RABBITMQ,
    "test_rabbitmq.py::test_rabbitmq_broker_retries_declaring_queues_when_connection_related_errors_occur": _RABBITMQ,
    "test_rabbitmq.py::test_rabbitmq_broker_stops_retrying_declaring_queues_when_max_attempts_reached": _RABBITMQ,
    "test_rabbitmq.py::test_rabbitmq_channels_can_be_deleted_multiple_times": _RABBITMQ,
    "test_rabbitmq.py::test_rabbitmq_close_only_registers_ignore_filter_once": _RABBITMQ,
    "test_rabbitmq.py::test_rabbitmq_connections_can_be_deleted_multiple_times": _RABBITMQ,
    "test_rabbitmq.py::test_rabbitmq_consumers_ignore_unknown_messages_in_ack_and_nack": _RABBITMQ,
    "test_rabbitmq.py::test_rabbitmq_workers_handle_rabbit_failures_gracefully": _RABBITMQ,
}
