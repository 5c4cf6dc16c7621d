"""What clients send as JSON."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

_NAMED = 5


class Body(BaseModel):
    """A body all members of which must be known."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _all_are_known(cls, given: Any) -> Any:  # noqa: ANN401 - JSON
        # One error for all that are not: one for each of ten thousands would take seconds to make.
        unknown = [name for name in given if name not in cls.model_fields] if isinstance(given, dict) else []
        if unknown:
            named = ", ".join(map(repr, unknown[:_NAMED])) + (", …" if len(unknown) > _NAMED else "")
            raise PydanticCustomError("unknown_members", f"There is no {named} here.")
        return given
