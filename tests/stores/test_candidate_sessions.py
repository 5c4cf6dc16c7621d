"""Candidate sessions: proposed, changed, decided once."""

import pytest
from pydantic import ValidationError

from server.data_folder import DataFolder
from server.ids import new_id
from server.stores.dfm_candidate_session_store import CandidateSessions, CandidateState
from server.stores.errors import IllegalTransitionError, NotFoundError, RevisionConflictError
from server.stores.model_documents import log_of
from server.stores.verify import verify
from tests.stores.making import make_model


@pytest.fixture
def sessions(data: DataFolder) -> CandidateSessions:
    return CandidateSessions(data)


@pytest.fixture
def model_id(data: DataFolder) -> str:
    return make_model(data)


def test_made_shown_listed(sessions: CandidateSessions, model_id: str) -> None:
    run_id = new_id()
    made = sessions.create(model_id, run_id=run_id, candidates=[{"radius": 3.0}], author="ann")
    assert (made.revision, made.content.state) == (1, CandidateState.OPEN)
    assert sessions.get(model_id, made.content.id) == made
    other = sessions.create(model_id, run_id=run_id, candidates=[], author="ann")
    assert sessions.list(model_id, limit=10).items == [other.content, made.content]
    with pytest.raises(NotFoundError, match="candidate session"):
        sessions.get(model_id, new_id())


@pytest.mark.parametrize("state", [CandidateState.ACCEPTED, CandidateState.REJECTED])
def test_what_is_decided_stays(sessions: CandidateSessions, model_id: str, data: DataFolder, state: str) -> None:
    id_ = sessions.create(model_id, run_id=new_id(), candidates=[], author="ann").content.id
    changed = sessions.change(model_id, id_, {"candidates": [{"a": 1}]}, who="bob", expected=frozenset({1}))
    with pytest.raises(RevisionConflictError):
        sessions.change(model_id, id_, {"candidates": []}, who="eve", expected=frozenset({1}))
    decided = sessions.change(model_id, id_, {"state": state}, who="bob", expected=frozenset({changed.revision}))
    assert (decided.content.state, decided.content.candidates) == (state, [{"a": 1}])
    with pytest.raises(IllegalTransitionError, match=state):
        sessions.change(model_id, id_, {"state": "open"}, who="bob")
    assert sessions.get(model_id, id_) == decided
    assert [entry.what for entry in log_of(data, model_id).entries()][1:] == [
        "candidate_session.created",
        "candidate_session.changed",
        "candidate_session.changed",
    ]
    assert verify(data).findings == []


def test_a_state_that_is_none(sessions: CandidateSessions, model_id: str) -> None:
    id_ = sessions.create(model_id, run_id=new_id(), candidates=[], author="ann").content.id
    with pytest.raises(ValidationError):
        sessions.change(model_id, id_, {"state": "perhaps"}, who="bob")
    assert sessions.get(model_id, id_).revision == 1
