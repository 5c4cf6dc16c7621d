"""A shop's own rules, as docs/rules.md describes them."""

import re
from pathlib import Path

import pytest

from server.review_options import limit_sets, materials
from server.settings import PROJECT_ROOT
from tests.engine.reviewing import findings, reviewed
from tests.parts import Solid, block, drill, pocket
from workers.errors import PartError
from workers.review import review_in_sandbox
from workers.rules import probe
from workers.rules.quantities import QUANTITIES
from workers.rules.rule_book import PROCESSES, load_materials, load_rules, rules_digest
from workers.rules.rule_file import RuleFileError

DOCUMENT = (PROJECT_ROOT / "docs" / "rules.md").read_text()
EXAMPLE = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)[0]
OVERRIDE = '[[overrides]]\nid = "hole-depth"\n'
HEAD = 'process = "cnc_milling"\n'
SOURCE = '[sources.shop]\ntitle = "Shop"\nurl = ""\nwhy = "We say so."\n'


@pytest.fixture
def example(tmp_path: Path) -> Path:
    path = tmp_path / "tight_shop.toml"
    path.write_text(EXAMPLE)
    return path


def plate() -> Solid:
    """With a hole 7 diameters deep and of an odd diameter, and a pocket 5 mm wide."""
    hole = drill(4.33, 7 * 4.33, (30.0, 40.0, 40.0), point=False)
    return block(120.0, 80.0, 40.0).cut(hole, pocket(40.0, 5.0, 5.0, (80.0, 40.0, 40.0), corner=2.4))


def test_limits_are_overridden_rules_added_and_switched_off(example: Path) -> None:
    before, after = reviewed(plate()), reviewed(plate(), own=example)
    assert [f["severity"] for f in findings(before, "hole-depth")] == ["minor"]
    (deep,) = findings(after, "hole-depth")
    assert (deep["severity"], deep["limit"]["value"], deep["source"]["title"]) == ("major", 6, "Our tool list, 2026")
    assert len(findings(before, "hole-nonstandard")) == 1 and findings(after, "hole-nonstandard") == []
    assert after["switched_off"] == [{"rule": "hole-nonstandard", "reason": "We mill all holes."}]
    assert [f["severity"] for f in findings(after, "slot-narrow")] == ["info"]


def test_a_new_configuration_starts_from_another(example: Path) -> None:
    result = reviewed(plate(), "prototype", own=example)
    assert findings(result, "hole-depth") == []  # 7 is within 8
    assert findings(reviewed(block(500.0, 80.0, 40.0), "prototype", own=example), "part-size")
    assert findings(reviewed(block(500.0, 80.0, 40.0), own=example), "part-size") == []
    assert result["limits"] == "prototype"


def test_a_new_configuration_measures_as_the_one_that_it_starts_from(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text('process = "cnc_milling"\n[configurations]\nours = "mtk"\n')
    rules = {rule.id: rule for rule in load_rules("cnc_milling", path).rules}
    assert rules["shape-oblique"].variants["ours"] == rules["shape-oblique"].variants["mtk"]


def test_sources_of_limits_that_are_not_the_shops_stay(example: Path) -> None:
    rules = load_rules("cnc_milling", example)
    (rule,) = [r for r in rules.rules if r.id == "hole-depth"]
    assert "Manufacturing Toolkit" in rules.source_of(rule, "mtk").title
    assert rules.source_of(rule, "prototype").title == "Our tool list, 2026"


def test_files_of_a_folder_are_laid_over_each_other_in_order(example: Path) -> None:
    later = '[[overrides]]\nid = "hole-depth"\nsource = "shop"\n[overrides.limits]\ndefault = []\n'
    (example.parent / "z.toml").write_text(HEAD + later)
    assert findings(reviewed(plate(), own=example.parent), "hole-depth") == []


def test_materials_are_added(example: Path) -> None:
    assert load_materials(example)["toolox-44"].family == "metal"
    assert reviewed(plate(), own=example, material="toolox-44")["material"]["name"] == "Toolox 44"
    with pytest.raises(RuleFileError, match=r"no material 'toolox-44'.*aluminium-6061-t6"):
        reviewed(plate(), material="toolox-44")


def test_an_override_for_one_material_goes_before_its_family(tmp_path: Path) -> None:
    own = tmp_path / "abs.toml"
    limit = '[overrides.material_limits.abs]\ndefault = [{ severity = "info", comparison = "<", value = 9 }]\n'
    own.write_text(HEAD + SOURCE + '[[overrides]]\nid = "wall-thin"\nsource = "shop"\n' + limit)
    slab = block(50.0, 50.0, 8.0)
    assert [f["severity"] for f in findings(reviewed(slab, own=own, material="abs"), "wall-thin")] == ["info"]
    assert findings(reviewed(slab, own=own, material="pc"), "wall-thin") == []


def test_the_digest_covers_the_shops_files(example: Path) -> None:
    with_shop = rules_digest("cnc_milling", example)
    assert with_shop != rules_digest("cnc_milling")
    assert reviewed(plate(), own=example)["engine"]["rules_digest"] == with_shop
    example.write_text(EXAMPLE + "\n# changed\n")
    assert rules_digest("cnc_milling", example) != with_shop


def test_the_api_knows_the_names_that_the_engine_knows(example: Path) -> None:
    known = {name for process in PROCESSES for name in load_rules(process, example).configurations}
    assert limit_sets(str(example)) == limit_sets(str(example.parent)) == sorted(known)
    assert materials(str(example.parent)) == sorted(load_materials(example))
    assert "prototype" not in limit_sets("") and "toolox-44" not in materials("")
    (example.parent / "broken.toml").write_text("process = ")
    assert "prototype" in limit_sets(str(example.parent))


FAULTS = [
    ("process = \n", r"line 1"),
    ('[[overrides]]\nid = "hole-depth"\n', r"process: a file with rules says for which process"),
    ('process = "forging"\n', r"process: there is no process 'forging'; there are: .*cnc_milling"),
    (HEAD + '[[overrides]]\nid = "hole-dept"\n', r"overrides\[0\]\.id: there is no rule 'hole-dept'"),
    (HEAD + '[[switched_off]]\nid = "hole-dept"\nreason = ""\n', r"switched_off\[0\]\.id: there is no rule"),
    (HEAD + '[[switched_off]]\nid = "hole-depth"\n', r"switched_off\[0\]\.reason: Field required"),
    (
        HEAD + '[[overrides]]\nid = "hole-depth"\n[overrides.limits]\ndefault = []\n',
        r"overrides\[0\]: .*need the source",
    ),
    (
        HEAD + '[[overrides]]\nid = "hole-depth"\nsource = "shop"\n[overrides.limits]\ndefault = []\n',
        r"no source 'shop'",
    ),
    (HEAD + '[configurations]\nfine = "defualt"\n', r"configurations\.fine: there is no configuration 'defualt'"),
    (HEAD + '[[overrides]]\nid = "hole-depth"\nadvise = "x"\n', r"overrides\[0\]\.advise: Extra inputs"),
    (
        HEAD
        + SOURCE
        + '[[overrides]]\nid = "hole-depth"\nsource = "shop"\n'
        + '[overrides.limits]\ndefault = [{ severity = "minor", comparison = ">", value = "four" }]\n',
        r"overrides\[0\]\.limits\.default\[0\]\.value: Input should be a valid number",
    ),
    (
        HEAD
        + SOURCE
        + '[[overrides]]\nid = "hole-depth"\nsource = "shop"\n'
        + '[overrides.limits]\ndefault = [{ severity = "minor", comparison = ">", value = nan }]\n',
        r"limits\.default\[0\]\.value: Input should be a finite number",
    ),
    *(
        (
            HEAD
            + SOURCE
            + '[[overrides]]\nid = "hole-nonstandard"\nsource = "shop"\n'
            + f"[overrides.standard_sizes]\ndefault = {sizes}\n",
            rf"standard_sizes\.default.*{complaint}",
        )
        for sizes, complaint in (
            ("[]", "at least 1 item"),
            ("[[1.0, 14.0, 0.0]]", "all above 0"),
            ("[[1.0, 14.0]]", "all above 0"),
            ("[[-3.0]]", "all above 0"),
            ("[[inf]]", "finite"),
        )
    ),
    (HEAD + SOURCE + EXAMPLE[EXAMPLE.index("[[rules]]") :].replace("narrowest_region", "pocket_hue"), "pocket_hue"),
]


@pytest.mark.parametrize(("text", "complaint"), FAULTS)
def test_a_faulty_file_is_named_with_the_place_and_what_is_expected(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "shop.toml").write_text(text)
    with pytest.raises(RuleFileError, match=complaint) as refused:
        probe.rules_version({"rules": str(tmp_path)}, lambda _stage: None)
    assert "shop.toml" in str(refused.value) or "pocket_hue" in str(refused.value)


@pytest.mark.parametrize(
    ("rule", "table", "complaint"),
    [
        (
            "hole-depth",
            '[overrides.limits]\ndefault = [{ severity = "minor", comparison = ">", value = 3, of = "hue" }]',
            "'hue'",
        ),
        (
            "wall-thin",
            '[overrides.limits]\ndefault = [{ severity = "info", comparison = "any" }]',
            "a limit with a value",
        ),
        ("part-size", "[overrides.standard_sizes]\ndefault = [[400.0], [250.0]]", "three directions"),
    ],
)
def test_what_does_not_fit_a_quantity_is_said_by_the_review(
    tmp_path: Path, rule: str, table: str, complaint: str
) -> None:
    path = tmp_path / "shop.toml"
    path.write_text(HEAD + SOURCE + f'[[overrides]]\nid = "{rule}"\nsource = "shop"\n{table}\n')
    with pytest.raises(RuleFileError, match=complaint):
        reviewed(plate(), own=path)


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(RuleFileError, match="/nowhere: there is no such file or folder"):
        probe.rules_version({"rules": "/nowhere"}, lambda _stage: None)


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ({"limits": "lax"}, "'lax'.*default, mtk"),
        ({"material": "wood"}, "'wood'.*abs"),
        ({"rules": "/nowhere"}, "/nowhere"),
    ],
)
def test_what_the_sandbox_cannot_be_asked_for_ends_with_a_reason(
    tmp_path: Path, wanted: dict[str, str], complaint: str
) -> None:
    part = plate().write_step(tmp_path / "part.step")
    payload = {"path": str(part), "name": "part.step", "process": "cnc_milling", "limits": "default", **wanted}
    with pytest.raises(PartError, match=complaint) as refused:
        review_in_sandbox(payload, lambda _stage: None)
    assert refused.value.code == "rules_not_usable"


def test_the_document_lists_every_quantity() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", DOCUMENT, re.MULTILINE))
    assert set(rows) == set(QUANTITIES)
    for name, measure in QUANTITIES.items():
        assert rows[name] == (measure.__doc__ or "").splitlines()[0], f"docs/rules.md: {name}"
