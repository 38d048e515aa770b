"""The tables of inputs and outputs in ecs-task-def/README.md, as the module's own files state them.

    python3 Tests/deployment/tables.py          writes them anew

A check compares them, so that the page cannot say anything else than the module.
"""

import pathlib
import re

MODULE = pathlib.Path(__file__).resolve().parent.parent.parent / "ecs-task-def"
README = MODULE / "README.md"
# For an attribute that is written over several lines.
NESTED = r"(?:[^\n]*\n(?:    [^\n]*\n)*  \}\)\)|[^\n]*)"


def blocks(kind: str) -> dict[str, str]:
    """The blocks of a kind of the module's files, by name, in the order of their files."""
    found = {}
    for path in sorted(MODULE.glob("*.tf")):
        pattern = rf'^{kind} "(\w+)" \{{\n(.*?)^\}}'
        found |= dict(re.findall(pattern, path.read_text(), re.MULTILINE | re.DOTALL))
    return found


def description(body: str) -> str:
    match = re.search(r'^  description\s*= "(.*)"$', body, re.MULTILINE)
    return match[1].replace('\\"', '"').replace("|", "\\|") if match else ""


def type_of(body: str) -> str:
    match = re.search(rf"^  type\s*= ({NESTED})", body, re.MULTILINE)
    text = re.sub(r"\s+", " ", match[1]) if match else ""
    if members := re.findall(r"(\w+) = (optional)?", text):
        names = [name + (" (optional)" if optional else "") for name, optional in members]
        return f"list of objects: {', '.join(names)}"
    return f"`{text}`"


def default_of(body: str) -> str:
    match = re.search(r"^  default\s*= (.+)$", body, re.MULTILINE)
    if match is None:
        return "required"
    if match[1] in ("null", "[]", "{}"):
        return "none"
    return f"`{match[1].replace(chr(34), '')}`"


def inputs() -> str:
    rows = ["| name | type | default | meaning |", "|---|---|---|---|"]
    for name, body in blocks("variable").items():
        cells = [f"`{name}`", type_of(body), default_of(body), description(body)]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def outputs() -> str:
    rows = ["| name | meaning |", "|---|---|"]
    for name, body in blocks("output").items():
        rows.append(f"| `{name}` | {description(body)} |")
    return "\n".join(rows)


TABLES = {"inputs": inputs, "outputs": outputs}


def filled(text: str) -> str:
    """A page with its tables as they should be, each between two comments that name it."""
    for name, table in TABLES.items():
        pattern = rf"(<!-- {name}: [^\n]* -->\n).*?(<!-- end of {name} -->)"
        rows = table()
        text, count = re.subn(
            pattern, lambda match, rows=rows: f"{match[1]}{rows}\n{match[2]}", text, flags=re.DOTALL
        )
        assert count == 1, f"the page has {count} places for its {name}"
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text()))
