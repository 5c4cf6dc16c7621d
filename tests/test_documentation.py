"""What the documents say is what the code does."""

import re

from server.settings import PROJECT_ROOT, Settings

ROW = re.compile(r"^\| `(RAPIDDRAFT_\w+)`[^|]*\| `([^`]*)` \| (.+) \|$", re.MULTILINE)


def documented() -> dict[str, tuple[str, str]]:
    text = (PROJECT_ROOT / "docs" / "settings.md").read_text()
    return {name: (default, what) for name, default, what in ROW.findall(text)}


def defined() -> dict[str, tuple[str, str]]:
    computed = {"data_dir": "./data", "sandbox_children": "usable cores", "sandbox_memory_mb": "what the memory allows"}
    return {
        f"RAPIDDRAFT_{name.upper()}": (computed.get(name, str(field.default)), field.description or "")
        for name, field in Settings.model_fields.items()
    }


def test_the_table_of_settings_is_the_code() -> None:
    assert documented() == defined()


def test_every_setting_is_described() -> None:
    assert all(what for _, what in defined().values())


def test_links_between_documents_lead_somewhere() -> None:
    documents = [PROJECT_ROOT / "README.md", *(PROJECT_ROOT / "docs").rglob("*.md")]
    for document in documents:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
