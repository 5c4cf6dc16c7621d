"""Checks all that a data folder holds: every document, every activity log, and each against the other."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server._atomic_json import LockTimeoutError, with_file_lock
from server.access.tokens import TOKEN_KIND
from server.data_folder import DataFolder
from server.stores import activity_log, damage, part_facts
from server.stores.activity_log import ActivityLog, BadLineError, Entry, parse
from server.stores.analysis_runs import RUN_KIND
from server.stores.checklists import CHECKLIST_KIND
from server.stores.checklists import DOCUMENT as CHECKLIST
from server.stores.design_reviews import DESIGN_REVIEW_KIND
from server.stores.dfm_candidate_session_store import CANDIDATE_SESSION_KIND, files_of, sha256_of
from server.stores.dfm_candidate_session_store import FOLDER as CANDIDATE_SESSIONS
from server.stores.dfm_review_jobs import JOB_KIND
from server.stores.documents import Kind, Stored, read_stored
from server.stores.errors import DamagedDocumentError, NewerDocumentError
from server.stores.model_documents import MODEL
from server.stores.model_store import MODEL_KIND
from server.stores.paging import ids_in
from server.stores.review_store import OLD_TICKETS, OLD_TICKETS_KIND, TICKET_KIND

# In the model's folder itself, by their names.
_DOCUMENTS: dict[str, Kind[Any]] = {
    f"{MODEL}.json": MODEL_KIND,
    f"{CHECKLIST}.json": CHECKLIST_KIND,
    OLD_TICKETS: OLD_TICKETS_KIND,
}
_FOLDERS: dict[str, Kind[Any]] = {
    "runs": RUN_KIND,
    "tickets": TICKET_KIND,
    "design-reviews": DESIGN_REVIEW_KIND,
    CANDIDATE_SESSIONS: CANDIDATE_SESSION_KIND,
}


@dataclass(frozen=True)
class Finding:
    """Something that is not as it must be; if not `bad`, a crash left it and the next start puts it right."""

    where: str
    what: str
    bad: bool = True


@dataclass
class Checked:
    """What was looked at, and what was found."""

    models: int = 0
    documents: int = 0
    entries: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not any(finding.bad for finding in self.findings)

    def take(self, other: "Checked") -> None:
        """Add what another look found."""
        self.documents += other.documents
        self.entries += other.entries
        self.findings += other.findings


def verify(data: DataFolder) -> Checked:
    """Look at everything in the folder, also while it is in use. Raises OSError if it cannot be read."""
    checked = Checked()
    for model_id in ids_in(data.models):
        checked.models += 1
        checked.take(_model(data, model_id))
    for model_id in ids_in(data.removed_models):
        model_log = ActivityLog(data.removed_model(model_id) / activity_log.FILE, model_id)
        _Chain(model_log, checked, _name(data, model_log.path)).read()
    for path in _documents_in(data.jobs):
        _understood(data, path, JOB_KIND, checked)
    for path in _documents_in(data.tokens):
        _understood(data, path, TOKEN_KIND, checked)
    for note in damage.notes(data):
        if not note.restored:
            checked.findings.append(Finding(note.document, f"it was damaged ({note.reason}) and is lost"))
    return checked


def _model(data: DataFolder, model_id: str) -> Checked:
    """The model; if something is found, once more with its lock, in case it was only changing."""
    checked = _look_at(data, model_id)
    if not checked.findings:
        return checked
    try:
        with with_file_lock(data.model(model_id) / activity_log.FILE):
            return _look_at(data, model_id)
    except LockTimeoutError:
        return checked
    except OSError:
        if not data.model(model_id).exists():
            return Checked()  # it was removed meanwhile
        return checked  # a folder that cannot be written can be verified all the same


def _look_at(data: DataFolder, model_id: str) -> Checked:
    checked = Checked()
    folder = data.model(model_id)
    if not any(folder.glob(f"{MODEL}.json*")):
        checked.findings.append(Finding(_name(data, folder), "half made or half removed", bad=False))
        return checked
    model_log = ActivityLog(folder / activity_log.FILE, model_id)
    chain = _Chain(model_log, checked, _name(data, model_log.path))
    chain.read()
    there: dict[str, Stored] = {}
    for path, kind in _documents_of(folder):
        stored = _understood(data, path, kind, checked)
        if stored is not None and kind is not OLD_TICKETS_KIND:
            there[path.relative_to(folder).with_suffix("").as_posix()] = stored
    if (folder / part_facts.FILE).exists():
        # Not in the log: they follow from the part.
        _understood(data, folder / part_facts.FILE, part_facts.PART_FACTS_KIND, checked)
    told = _against_log(_name(data, folder), chain, there)
    checked.findings += chain.torn(is_told_of=any(finding.bad for finding in told)) + told
    if MODEL in there and not _is_part(folder / "part.step", there[MODEL].content.get("sha256")):
        checked.findings.append(Finding(_name(data, folder / "part.step"), "its bytes are not those uploaded"))
    for session_id in ids_in(folder / CANDIDATE_SESSIONS):
        checked.findings += _files_of_session(data, folder / CANDIDATE_SESSIONS / session_id)
    return checked


def _files_of_session(data: DataFolder, folder: Path) -> Iterator[Finding]:
    """Parts and reviews of candidates, against what their session says. A session that cannot be read is told of."""
    try:
        named = files_of(CANDIDATE_SESSION_KIND.read(folder.with_name(f"{folder.name}.json")).content)
    except (FileNotFoundError, DamagedDocumentError, NewerDocumentError):
        return
    there = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    for name, sha256 in named.items():
        if name not in there or sha256_of(folder / name) != sha256:
            yield Finding(_name(data, folder / name), "its bytes are not those of the candidate")
    for name in sorted(there - named.keys()):
        yield Finding(_name(data, folder / name), "no candidate session names it", bad=False)


class _Chain:
    """The entries of a log, read to the first bad line."""

    def __init__(self, model_log: ActivityLog, checked: Checked, where: str) -> None:
        self.model_log = model_log
        self.checked = checked
        self.where = where
        self.last: Entry | None = None
        self.latest: dict[str, Entry] = {}
        self.bad_last_line: Finding | None = None

    def read(self) -> None:
        """Check each line, and remember the latest of each document."""
        size = self.model_log.path.stat().st_size if self.model_log.path.exists() else 0
        end = 0
        for line in self.model_log.lines():
            end = line.end
            try:
                entry = parse(line.content)
            except BadLineError as bad:
                finding = Finding(self.where, f"line {line.number} is bad: {bad}")
                if line.end == size:
                    self.bad_last_line = finding
                else:
                    self.checked.findings.append(finding)
                return
            if wrong := self._out_of_place(entry):
                self.checked.findings.append(Finding(self.where, f"line {line.number} is bad: {wrong}"))
                return
            self.last = self.latest[entry.document] = entry
            self.checked.entries += 1
        if end < size:
            self.checked.findings.append(Finding(self.where, "its last line is torn", bad=False))

    def _out_of_place(self, entry: Entry) -> str | None:
        if entry.previous != (self.last.hash if self.last else self.model_log.genesis):
            return "it does not follow the line before it"
        if entry.sequence != (self.last.sequence + 1 if self.last else 1):
            return "its sequence number does not follow"
        return None

    def torn(self, *, is_told_of: bool) -> list[Finding]:
        """A bad last line: what a crash leaves, unless a document says that its entry was whole once."""
        if self.bad_last_line is None:
            return []
        if is_told_of:
            return [self.bad_last_line]
        return [Finding(self.where, "its last line is torn", bad=False)]


def _against_log(folder: str, chain: _Chain, there: dict[str, Stored]) -> list[Finding]:
    findings = []
    for document in sorted(there.keys() | chain.latest.keys()):
        wrong = _compared(there.get(document), chain.latest.get(document))
        if wrong is None:
            continue
        entry = chain.latest.get(document)
        if entry is not None and entry is chain.last and _is_one_behind(there.get(document), entry):
            findings.append(Finding(f"{folder}/{document}", "its last change was interrupted", bad=False))
        else:
            findings.append(Finding(f"{folder}/{document}", wrong))
    return findings


def _compared(stored: Stored | None, entry: Entry | None) -> str | None:
    """What is wrong between a document and the latest entry about it."""
    if entry is None:
        # From before there was a log.
        return None if stored is None or not stored.has_checksum else "the activity log does not tell of it"
    if entry.document_sha256 is None:
        return None if stored is None else "the activity log says that it was removed"
    if stored is None:
        return "the activity log tells of it, and it is not there"
    if stored.revision != entry.revision:
        return f"it is at revision {stored.revision}, and at {entry.revision} by the activity log"
    return None if stored.sha256 == entry.document_sha256 else "it is not what the activity log says"


def _is_one_behind(stored: Stored | None, entry: Entry) -> bool:
    return (stored.revision if stored else 0) == entry.revision - 1


def _understood(data: DataFolder, path: Path, kind: Kind[Any], checked: Checked) -> Stored | None:
    try:
        stored = read_stored(path, kind.name)
        checked.documents += 1
        kind.understand(path, stored)
    except FileNotFoundError:
        return None
    except (DamagedDocumentError, NewerDocumentError) as error:
        checked.findings.append(Finding(_name(data, path), str(error)))
        return None
    return stored


def _documents_of(folder: Path) -> Iterator[tuple[Path, Kind[Any]]]:
    for name, kind in _DOCUMENTS.items():
        yield folder / name, kind
    for name, kind in _FOLDERS.items():
        yield from ((path, kind) for path in _documents_in(folder / name))


def _documents_in(folder: Path) -> Iterator[Path]:
    return (folder / f"{id_}.json" for id_ in ids_in(folder, ".json"))


def _is_part(path: Path, sha256: object) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _name(data: DataFolder, path: Path) -> str:
    return path.relative_to(data.root).as_posix()
