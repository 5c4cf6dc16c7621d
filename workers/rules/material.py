"""The materials that limits may depend on, from workers/rules/data/materials.toml."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Material(BaseModel):
    """A stock material; `id` is what a review is asked for, `family` is metal or plastic."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9-]+$")
    name: str
    family: Literal["metal", "plastic"]
    density: float = Field(gt=0, description="g/cm3")
    source: str = Field(min_length=3, description="Title of the data sheet.")
    url: str = Field(pattern=r"^https://.+$")
