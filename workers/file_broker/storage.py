"""The queues in their file: the whole of the SQL is on this page.

A message is a row of `messages` from its enqueue to its answer; while somebody works on it the row has an
owner and a lease. Rows that nobody could answer move to `dead_letters`.

What is promised is on disk before the call returns (`durable`): a message accepted, an operator's order. A
claim, a renewal or an answer is written without waiting for the disk. It survives the death of any process;
if a power loss undoes it, the message is delivered once more, which at-least-once delivery allows for. The
order of the changes is kept in either case.

The order is fair between groups (start-time fair queueing): each message has a `turn`, one more than that of
the message of its group before it, or than the last one that was served if that is later. So whoever sends
fifty messages uses up fifty turns, and a message of another group goes before most of them. Turns are counted
for each queue and priority apart. Without groups it is the order of acceptance.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dramatiq import Message
from dramatiq.common import dq_name, q_name

from .clock import Clock
from .errors import DeadLetterNotFoundError, QueueFullError
from .queue_file import QueueFile

APPLICATION_ID = 0x52445142  # "RDQB"
FORMAT_NUMBER = 2

# A message that was lost this often with its holder is delivered alone from then on. It may be what kills
# its holders, and the messages beside it should not go to the dead letters with it.
SUSPECT_AFTER = 2

# `due_at` is 0 for a message that need not wait, so one index serves both kinds of queue: without delay
# it orders by priority and turn, with delay by due time. AUTOINCREMENT never gives a number twice, so a
# late answer cannot hit another message. A retry keeps its message_id, so that is no key.
_FAIRNESS = (
    "CREATE INDEX messages_waiting ON messages (queue, due_at, priority, turn, id) WHERE owner IS NULL",
    "CREATE INDEX messages_of_group ON messages (queue, grp, priority, turn)",
    # The latest turn that was handed out.
    "CREATE TABLE served (queue TEXT, priority INTEGER, turn INTEGER, PRIMARY KEY (queue, priority)) WITHOUT ROWID",
)
_SCHEMA = f"""
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT NOT NULL,
    queue TEXT NOT NULL,
    due_at INTEGER NOT NULL,                -- Unix time in ms, 0: at once
    priority INTEGER NOT NULL,              -- lower goes first
    body BLOB NOT NULL,
    deliveries INTEGER NOT NULL DEFAULT 0,  -- how often it was handed out
    history TEXT NOT NULL DEFAULT '[]',     -- JSON: what became of deliveries without an answer
    owner TEXT,                             -- who works on it
    lease_until INTEGER,                    -- ms since this boot
    grp TEXT NOT NULL DEFAULT '',           -- whose it is
    turn INTEGER NOT NULL DEFAULT 0         -- its place in the fair order
);
{";".join(_FAIRNESS)};
CREATE INDEX messages_suspect ON messages (queue) WHERE owner IS NULL AND deliveries >= {SUSPECT_AFTER};
CREATE INDEX messages_claimed ON messages (lease_until) WHERE owner IS NOT NULL;
CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY,                 -- the number it had as a message
    message_id TEXT NOT NULL,
    queue TEXT NOT NULL,
    body BLOB NOT NULL,
    deliveries INTEGER NOT NULL,
    history TEXT NOT NULL,
    reason TEXT NOT NULL,
    died_at INTEGER NOT NULL                -- Unix time in ms
);
CREATE INDEX dead_letters_by_age ON dead_letters (died_at);
CREATE TABLE boot (id TEXT NOT NULL);       -- the boot that every lease belongs to
INSERT INTO boot VALUES ('')
"""
# What waits in a file of format 1 keeps its order, and its place before all that is accepted from now on.
_UPGRADES: dict[int, Sequence[str]] = {
    1: (
        "ALTER TABLE messages ADD COLUMN grp TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE messages ADD COLUMN turn INTEGER NOT NULL DEFAULT 0",
        "DROP INDEX messages_waiting",
        *_FAIRNESS,
    )
}

_WAITING = "owner IS NULL AND queue = :queue AND due_at <= :time_of_day"
_EXPIRED = "owner IS NOT NULL AND lease_until <= :since_boot"
_HELD = "id = :id AND owner = :owner AND deliveries = :deliveries"
_IN_QUEUES = "queue IN (SELECT value FROM json_each(:queues))"

_TURN = """
1 + max(
    coalesce((SELECT turn FROM served WHERE queue = :home AND priority = :priority), 0),
    coalesce((SELECT max(turn) FROM messages WHERE queue = :home AND grp = :group AND priority = :priority), 0),
    coalesce((SELECT max(turn) FROM messages WHERE queue = :delayed AND grp = :group AND priority = :priority), 0)
)
"""
_ENQUEUE = f"""
INSERT INTO messages (queue, message_id, due_at, priority, body, grp, turn)
VALUES (:queue, :message_id, :due_at, :priority, :body, :group, {_TURN})
RETURNING id
"""
_REQUEUE = f"""
INSERT INTO messages (message_id, queue, due_at, priority, body, history, grp, turn)
SELECT message_id, queue, :due_at, :priority, :body, json_insert(history, '$[#]', json(:event)), :group, {_TURN}
FROM dead_letters WHERE id = :id
RETURNING id
"""
# What goes after a message takes no room from it.
_IN_THE_WAY = """
SELECT count(*), count(*) FILTER (WHERE grp = :group) FROM messages
WHERE queue IN (:home, :delayed) AND priority <= :priority
"""
_SERVE = """
INSERT INTO served (queue, priority, turn) VALUES (?, ?, ?)
ON CONFLICT (queue, priority) DO UPDATE SET turn = max(turn, excluded.turn)
"""
_LOOK = f"""
SELECT
    EXISTS (SELECT 1 FROM messages WHERE {_WAITING}),
    EXISTS (
        SELECT 1 FROM messages INDEXED BY messages_suspect WHERE {_WAITING} AND deliveries >= {SUSPECT_AFTER}
    ),
    EXISTS (SELECT 1 FROM messages WHERE {_EXPIRED})
"""
_CLAIM = f"""
UPDATE messages SET owner = :owner, lease_until = :lease_until, deliveries = deliveries + 1
WHERE id IN (
    SELECT id FROM messages WHERE {_WAITING} AND (deliveries >= {SUSPECT_AFTER}) = :suspect
    ORDER BY due_at, priority, turn, id LIMIT :limit
)
RETURNING due_at, priority, turn, id, message_id, body, deliveries
"""
_BURY = """
INSERT INTO dead_letters (id, message_id, queue, body, deliveries, history, reason, died_at)
SELECT id, message_id, queue, coalesce(:body, body), deliveries, history, :reason, :time_of_day
FROM messages WHERE id = :id
"""
# A due message keeps its turn and number, and with them its place before what was accepted after it.
_RELEASE = f"""
UPDATE messages SET queue = :to, due_at = 0 WHERE id IN (SELECT id FROM messages WHERE {_WAITING})
"""
_TRIM = """
DELETE FROM dead_letters WHERE id IN (
    SELECT id FROM (SELECT id FROM dead_letters WHERE died_at <= :died_by ORDER BY died_at LIMIT :step)
    UNION
    SELECT id FROM (SELECT id FROM dead_letters ORDER BY died_at DESC, id DESC LIMIT :step OFFSET :kept)
)
"""
_COUNTS = f"""
SELECT
    count(*) FILTER (WHERE owner IS NULL AND due_at <= :time_of_day),
    count(*) FILTER (WHERE owner IS NULL AND due_at > :time_of_day),
    count(*) FILTER (WHERE owner IS NOT NULL),
    (SELECT count(*) FROM dead_letters WHERE {_IN_QUEUES})
FROM messages WHERE {_IN_QUEUES}
"""


@dataclass(frozen=True, slots=True)
class Bound:
    """How many messages a queue takes, waiting, delayed and held: of all groups, and of each. None: any number.

    A group that has none in the queue is let in however many others have.
    """

    of_all: int | None = None
    of_group: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A message handed out to `owner`; `deliveries` tells this claim from a later one of the same owner."""

    id: int
    message_id: str
    owner: str
    deliveries: int
    body: bytes

    @property
    def suspect(self) -> bool:
        """Whether its holder should hold nothing else."""
        return self.deliveries > SUSPECT_AFTER


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that will not be delivered again unless an operator requeues it.

    `history` tells what became of each delivery that had no answer: `at` (Unix time in ms), `event`, …
    """

    id: int
    message_id: str
    queue: str
    body: bytes
    deliveries: int
    reason: str
    history: list[dict[str, Any]]
    died_at: datetime

    @property
    def message(self) -> "Message[Any]":
        """The message. Raises dramatiq.DecodeError if it cannot be decoded."""
        return Message.decode(self.body)


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How many messages wait, wait for their time, are held by a worker, and are dead letters."""

    waiting: int
    delayed: int
    held: int
    dead: int


class Storage:
    """The queues in the file at `path`, which is made if absent. Raises what QueueFile raises."""

    def __init__(
        self,
        path: Path,
        *,
        max_deliveries: int,
        reserved_bytes: int = 0,
        on_lease_lost: Callable[[], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.max_deliveries = max_deliveries
        self._on_lease_lost = on_lease_lost
        self.reserved_bytes = reserved_bytes
        self.clock = clock or Clock()
        self._file = QueueFile(path, application_id=APPLICATION_ID, format_number=FORMAT_NUMBER, upgrades=_UPGRADES)
        self._file.create(_SCHEMA)
        self._file.check()
        self._adopt_boot()

    def close(self) -> None:
        """Close the file. The next use opens it again."""
        self._file.close()

    # -- messages ---------------------------------------------------------------------------------------

    def enqueue(
        self,
        queue: str,
        message_id: str,
        body: bytes,
        *,
        priority: int = 0,
        due_at: int = 0,
        group: str = "",
        bound: Bound | None = None,
    ) -> int:
        """Add a message and return its number. It is on disk when this returns.

        Raises QueueFullError if the queue has as many messages as `bound` allows, which holds exactly, whoever
        else adds some. Raises QueueDiskFullError before the disk is really full, so that claims and answers, by
        which the queue grows shorter, can still be written.
        """
        self._file.check_room(self.reserved_bytes)
        place = _place(queue, group, priority)
        message = {"queue": queue, "message_id": message_id, "due_at": due_at, "body": body}
        with self._file.transaction(durable=True) as connection:
            if bound is not None:
                _check_bound(bound, connection.execute(_IN_THE_WAY, place).fetchall())
            [(number,)] = connection.execute(_ENQUEUE, place | message).fetchall()
        return int(number)

    def check_bound(self, queue: str, bound: Bound, *, group: str, priority: int) -> None:
        """Raise QueueFullError if `enqueue` would do so now. Takes no lock."""
        _check_bound(bound, self._file.read(_IN_THE_WAY, _place(queue, group, priority)))

    def claim(self, queue: str, owner: str, *, limit: int, lease_ms: int, alone: bool = False) -> list[Claim]:
        """Take up to `limit` due messages, in the order of the queue, for `lease_ms` milliseconds.

        While a suspect message waits, nobody gets anything but it, and only who is `alone` gets that.
        """
        if limit <= 0:
            return []
        now: dict[str, Any] = {
            "queue": queue,
            "time_of_day": self.clock.time_of_day(),
            "since_boot": self.clock.since_boot(),
        }
        [(waiting, suspect, expired)] = self._file.read(_LOOK, now)  # takes no lock: mostly there is nothing
        if expired:
            self._take_back_expired(now)
            [(waiting, suspect, _)] = self._file.read(_LOOK, now)
        if not waiting or (suspect and not alone):
            return []
        terms = {
            "owner": owner,
            "lease_until": now["since_boot"] + lease_ms,
            "suspect": suspect,
            "limit": 1 if suspect else limit,
        }
        with self._file.transaction(durable=False) as connection:
            rows = sorted(connection.execute(_CLAIM, now | terms).fetchall())
            served = {priority: turn for _, priority, turn, *_ in rows}  # the last of each: rows are in order
            connection.executemany(_SERVE, [(queue, priority, turn) for priority, turn in served.items()])
        return [Claim(id_, message_id, owner, count, body) for *_, id_, message_id, body, count in rows]

    def renew(self, owner: str, numbers: Iterable[int], *, lease_ms: int) -> set[int]:
        """Make these leases run out `lease_ms` from now; return the messages that `owner` still has."""
        terms = {
            "owner": owner,
            "numbers": json.dumps(list(numbers)),
            "lease_until": self.clock.since_boot() + lease_ms,
        }
        with self._file.transaction(durable=False) as connection:
            rows = connection.execute(
                "UPDATE messages SET lease_until = :lease_until"
                " WHERE owner = :owner AND id IN (SELECT value FROM json_each(:numbers)) RETURNING id",
                terms,
            ).fetchall()
        return {number for (number,) in rows}

    def ack(self, claim: Claim) -> bool:
        """Remove an answered message. False if the claim has been lost, and then nothing is changed."""
        with self._file.transaction(durable=False) as connection:
            return connection.execute(f"DELETE FROM messages WHERE {_HELD}", _key(claim)).rowcount == 1

    def reject(self, claim: Claim, reason: str, body: bytes | None = None) -> bool:
        """Move a message to the dead letters, as `body` if given. False if the claim has been lost."""
        with self._file.transaction(durable=False) as connection:
            if not connection.execute(f"SELECT 1 FROM messages WHERE {_HELD}", _key(claim)).fetchall():
                return False
            self._bury(connection, claim.id, reason, body)
            return True

    def give_back(self, claims: Iterable[Claim]) -> int:
        """Return messages that were never started to their queue, the delivery not counted; say how many."""
        with self._file.transaction(durable=False) as connection:
            return sum(
                connection.execute(
                    f"UPDATE messages SET owner = NULL, lease_until = NULL, deliveries = deliveries - 1 WHERE {_HELD}",
                    _key(claim),
                ).rowcount
                for claim in claims
            )

    def next_due(self, queue: str) -> int | None:
        """Milliseconds until a waiting message of the queue is due (0: now), None if there is none."""
        [(due_at,)] = self._file.read("SELECT min(due_at) FROM messages WHERE owner IS NULL AND queue = ?", (queue,))
        return None if due_at is None else max(0, due_at - self.clock.time_of_day())

    def release_due(self, delay_queue: str, queue: str) -> int:
        """Move the due messages of a delay queue to its queue, in one change; say how many."""
        if self.next_due(delay_queue) != 0:
            return 0
        terms = {"queue": delay_queue, "to": queue, "time_of_day": self.clock.time_of_day()}
        with self._file.transaction(durable=False) as connection:
            return connection.execute(_RELEASE, terms).rowcount

    def counts(self, queues: Sequence[str]) -> QueueCounts:
        """How many messages of these queues are in which state."""
        terms = {"queues": json.dumps(queues), "time_of_day": self.clock.time_of_day()}
        return QueueCounts(*self._file.read(_COUNTS, terms)[0])

    def oldest_waiting(self, queue: str) -> bytes | None:
        """The body of the due message of the queue that was accepted first."""
        terms = {"queue": queue, "time_of_day": self.clock.time_of_day()}
        rows = self._file.read(f"SELECT body FROM messages WHERE {_WAITING} ORDER BY id LIMIT 1", terms)
        return rows[0][0] if rows else None

    def is_empty(self, queues: Sequence[str]) -> bool:
        """Whether no message of these queues will be delivered or is being worked on."""
        rows = self._file.read(f"SELECT EXISTS (SELECT 1 FROM messages WHERE {_IN_QUEUES})", _queues(queues))
        return not rows[0][0]

    def message_ids(self, queues: Sequence[str]) -> set[str]:
        """The ids of the messages of these queues that will be delivered or are being worked on."""
        rows = self._file.read(f"SELECT message_id FROM messages WHERE {_IN_QUEUES}", _queues(queues))
        return {message_id for (message_id,) in rows}

    def flush(self, queues: Sequence[str]) -> int:
        """Remove all messages of these queues, those being worked on included; say how many."""
        with self._file.transaction(durable=True) as connection:
            return connection.execute(f"DELETE FROM messages WHERE {_IN_QUEUES}", _queues(queues)).rowcount

    # -- dead letters -----------------------------------------------------------------------------------

    def dead_letters(self, queues: Sequence[str]) -> list[DeadLetter]:
        """The dead letters of these queues, oldest message first."""
        return self._letters(f"{_IN_QUEUES} ORDER BY id", _queues(queues))

    def dead_letter(self, number: int) -> DeadLetter:
        """The dead letter with this number. Raises DeadLetterNotFoundError."""
        for letter in self._letters("id = :id", {"id": number}):
            return letter
        raise DeadLetterNotFoundError(f"There is no dead letter {number}.")

    def requeue_dead_letter(
        self, number: int, body: bytes, *, priority: int = 0, due_at: int = 0, group: str = ""
    ) -> int:
        """Deliver a dead letter again, as `body`; return its new number. Raises DeadLetterNotFoundError."""
        place = _place(self.dead_letter(number).queue, group, priority)
        event = self._event("requeued from the dead letters")
        with self._file.transaction(durable=True) as connection:
            terms = place | {"id": number, "due_at": due_at, "body": body, "event": event}
            rows = connection.execute(_REQUEUE, terms).fetchall()
            _remove_dead_letter(connection, number)
        return int(rows[0][0])

    def purge_dead_letter(self, number: int) -> None:
        """Remove a dead letter for good. Raises DeadLetterNotFoundError."""
        with self._file.transaction(durable=True) as connection:
            _remove_dead_letter(connection, number)

    def trim_dead_letters(self, *, seconds: float | None, count: int | None, step: int) -> int:
        """Remove up to `step` dead letters older than `seconds`, and as many beyond the newest `count`; say how many.

        None: no limit.
        """
        if seconds is None and count is None:
            return 0
        died_by = 0 if seconds is None else self.clock.time_of_day() - round(seconds * 1000)
        terms = {"died_by": died_by, "kept": (1 << 62) if count is None else count, "step": step}
        [(there, oldest)] = self._file.read("SELECT count(*), min(died_at) FROM dead_letters")
        if there == 0 or (oldest > died_by and there <= terms["kept"]):
            return 0
        with self._file.transaction(durable=False) as connection:
            return connection.execute(_TRIM, terms).rowcount

    def tidy_file(self, *, free_bytes: int, step_bytes: int) -> int:
        """Give up to `step_bytes` of what is free in the file beyond `free_bytes` back to the disk; say how many."""
        given = self._file.shrink(free_bytes=free_bytes, step_bytes=step_bytes)
        self._file.checkpoint()
        return given

    def _letters(self, which: str, terms: dict[str, Any]) -> list[DeadLetter]:
        rows = self._file.read(
            f"SELECT id, message_id, queue, body, deliveries, reason, history, died_at FROM dead_letters WHERE {which}",
            terms,
        )
        return [_dead_letter(*row) for row in rows]

    def _bury(self, connection: sqlite3.Connection, number: int, reason: str, body: bytes | None = None) -> None:
        now = self.clock.time_of_day()
        connection.execute(_BURY, {"id": number, "reason": reason, "body": body, "time_of_day": now})
        connection.execute("DELETE FROM messages WHERE id = ?", (number,))

    # -- leases that ran out ----------------------------------------------------------------------------

    def _take_back_expired(self, now: dict[str, Any]) -> None:
        with self._file.transaction(durable=False) as connection:
            rows = connection.execute(f"SELECT id, owner, deliveries FROM messages WHERE {_EXPIRED}", now).fetchall()
            for number, owner, deliveries in rows:
                event = self._event("lease ran out", owner=owner, delivery=deliveries)
                connection.execute(
                    "UPDATE messages SET owner = NULL, lease_until = NULL,"
                    " history = json_insert(history, '$[#]', json(?)) WHERE id = ?",
                    (event, number),
                )
                if deliveries >= self.max_deliveries:
                    self._bury(connection, number, f"delivered {deliveries} times without an answer")
        if self._on_lease_lost:
            for _ in rows:
                self._on_lease_lost()

    def _adopt_boot(self) -> None:
        """Let the leases of an earlier boot run out: their holders are gone, and their clock with them."""
        boot = self.clock.boot_id()
        if self._file.read("SELECT id FROM boot") == [(boot,)]:
            return
        with self._file.transaction(durable=True) as connection:
            if connection.execute("SELECT id FROM boot").fetchall() != [(boot,)]:
                connection.execute("UPDATE messages SET lease_until = 0 WHERE owner IS NOT NULL")
                connection.execute("UPDATE boot SET id = ?", (boot,))

    def _event(self, what: str, **details: str | int) -> str:
        return json.dumps({"at": self.clock.time_of_day(), "event": what, **details})


def _remove_dead_letter(connection: sqlite3.Connection, number: int) -> None:
    if connection.execute("DELETE FROM dead_letters WHERE id = ?", (number,)).rowcount == 0:
        raise DeadLetterNotFoundError(f"There is no dead letter {number}.")


def _dead_letter(
    number: int,
    message_id: str,
    queue: str,
    body: bytes,
    deliveries: int,
    reason: str,
    history: str,
    died_at: int,
) -> DeadLetter:
    moment = datetime.fromtimestamp(died_at / 1000, UTC)
    return DeadLetter(number, message_id, queue, body, deliveries, reason, json.loads(history), moment)


def _place(queue: str, group: str, priority: int) -> dict[str, Any]:
    """What a message's turn depends on: a delayed one gets its turn in the queue that it moves to."""
    home = q_name(queue)
    return {"home": home, "delayed": dq_name(home), "group": group, "priority": priority}


def _check_bound(bound: Bound, counted: list[tuple[int, int]]) -> None:
    [(of_all, of_group)] = counted
    if bound.of_all is not None and of_all >= bound.of_all and of_group:
        raise QueueFullError(f"{of_all} messages are in the queue, and it takes {bound.of_all}.", of_all)
    if bound.of_group is not None and of_group >= bound.of_group:
        raise QueueFullError(
            f"{of_group} messages of the same group are in the queue, and it takes {bound.of_group} of each.", of_group
        )


def _key(claim: Claim) -> dict[str, Any]:
    return {"id": claim.id, "owner": claim.owner, "deliveries": claim.deliveries}


def _queues(queues: Sequence[str]) -> dict[str, Any]:
    return {"queues": json.dumps(queues)}
