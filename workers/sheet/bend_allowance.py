"""How long a bend becomes in the flat: K-factors by material and by radius over thickness, from a data file."""

from functools import lru_cache
from pathlib import Path

from pydantic import Field, model_validator

from workers.rules.material import Material
from workers.rules.rule_file import Source, Strict, read_toml

DATA = Path(__file__).parent / "data" / "k_factors.toml"


class Tier(Strict):
    """The K-factor of bends up to a ratio of inner radius to thickness; without one, of all wider ones."""

    up_to: float | None = Field(None, gt=0)
    k: float = Field(ge=0, le=0.5)


class KFactor(Strict):
    """K-factors of one material, or those that hold without one, by ascending radius."""

    name: str
    materials: list[str]
    tiers: list[Tier] = Field(min_length=1)
    source: str

    @model_validator(mode="after")
    def _covers_all_radii(self) -> "KFactor":
        bounds = [tier.up_to for tier in self.tiers[:-1]]
        if self.tiers[-1].up_to is not None or None in bounds or bounds != sorted(b for b in bounds if b is not None):
            raise ValueError("the tiers ascend by up_to, and only the last has none")
        return self

    def of(self, radius: float, thickness: float) -> float:
        """The K-factor of a bend of an inner radius, mm."""
        return next(t.k for t in self.tiers if t.up_to is None or radius <= t.up_to * thickness * (1 + 1e-9))

    def allowance(self, angle_rad: float, radius: float, thickness: float) -> float:
        """mm of flat length that a bend of an angle in radians takes: angle · (r + K t)."""
        return angle_rad * (radius + self.of(radius, thickness) * thickness)


class _KFactors(Strict):
    sources: dict[str, Source]
    default: KFactor
    factors: list[KFactor]

    @model_validator(mode="after")
    def _names_fit_together(self) -> "_KFactors":
        if unknown := {factor.source for factor in (self.default, *self.factors)} - set(self.sources):
            raise ValueError(f"there is no source {sorted(unknown)}")
        return self


@lru_cache
def _table() -> _KFactors:
    return read_toml(DATA, _KFactors)


def k_factor_of(material: Material | None) -> KFactor:
    """The K-factors of a material; the default where it is not known, or has none."""
    table = _table()
    if material is None:
        return table.default
    return next((factor for factor in table.factors if material.id in factor.materials), table.default)


def source_of(factor: KFactor) -> Source:
    """Where it comes from."""
    return _table().sources[factor.source]
