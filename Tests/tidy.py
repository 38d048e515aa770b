"""What holds for the repository itself: its structure, its documents, its scripts.

    .venv/bin/python Tests/tidy.py [WORD...]

Each check is a sentence; with words, only those whose sentence has one of them. Tests/run runs
all. What the documents say of commands is compared with the executables, so these must have been
built.
"""

import functools
import json
import pathlib
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHECKS: list[tuple[str, Callable[[], Iterator[str]]]] = []

# Beyond it a function tells more than one story.
LONGEST_FUNCTION = 70
LONGEST_TEST = 90
# Longer than the bound, each with its reason.
LONG_FUNCTIONS: dict[str, str] = {}
# A file of fewer lines is rather part of another, unless there is a reason.
SHORTEST_FILE = 30
SHORT_FILES = {
    "Sources/Decisions/Ledger+Rollout.swift": "the one place where ledger and deployment meet",
    "Sources/Decisions/LedgerBooking.swift": "a rule of its own, for all who project",
    "Sources/Exploration/Chunks.swift": "how every large table of a search is kept",
    "Sources/ProductVersion/ProductVersion.swift": "one constant for every program",
    "Sources/Rules/RuleBook+Secrets.swift": "one rule a file",
    "Sources/Model/Milliseconds.swift": "the model's unit of time",
    "Sources/Rehearsal/Cloud/AWSAnswer.swift": "what every stand-in for AWS answers with",
    "Sources/Rehearsal/Play/PlayError.swift": "thrown by every part that a rehearsal begins with",
    "Sources/Rehearsal/Play/Timebase.swift": "the rehearsal's only clock",
    "Sources/ScaleUpPrograms/FunctionProgram.swift": "an entry point",
    "Sources/ScaleUpPrograms/ScaleUpProgram.swift": "an entry point",
    "Sources/ScaleUpPrograms/ServerProgram.swift": "an entry point",
    "Sources/Seeded/SeededRandom.swift": "all of its target",
}

OPERATING = "ecs-task-def/OPERATING.md"
MODULE_PAGE = "ecs-task-def/README.md"
# What runs in production: the settings and log lines of these, and of the targets that they import,
# are explained in the documents.
SHIPPED = ["Launcher", "ScaleUpPrograms", "Sidecar"]
# Capitals in the sources that name no setting.
NO_SETTINGS = {
    "ALL_NEW": "DynamoDB's ReturnValues",
    "ALL_OLD": "DynamoDB's ReturnValues",
    "DAC_OVERRIDE": "a capability of Linux",
    "DEPLOYMENT_BLOCKED": "an answer of ECS",
    "FARGATE_SPOT": "a capacity provider",
    "FS_IOC_GETFLAGS": "a call of Linux",
    "IN_PROGRESS": "a rollout state of ECS",
    "PATH": "where the launcher looks for the agent",
    "PAY_PER_REQUEST": "DynamoDB's billing mode",
    "PR_CAPBSET_DROP": "a call of Linux",
    "PR_SET_KEEPCAPS": "a call of Linux",
    "PR_SET_NO_NEW_PRIVS": "a call of Linux",
    "PR_SET_SECCOMP": "a call of Linux",
    "TFC_AGENT_AUTO_UPDATE": "the agent's own, looked for in its task definition",
    "TFC_AGENT_TOKEN": "the agent's own, looked for in its task definition",
}
# Read by the agent or by libcurl; the settings explain them beside ours.
OTHERS_SETTINGS = {"TFC_AGENT_", "HTTPS_PROXY", "NO_PROXY"}


def check(sentence: str):
    """Registers a check: it yields what is wrong, one line each."""

    def register(function: Callable[[], Iterator[str]]):
        CHECKS.append((sentence, function))
        return function

    return register


@functools.cache
def files() -> list[pathlib.Path]:
    """All files of the repository, new ones included, ignored ones not."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in names.splitlines() if (ROOT / name).is_file()]


def name_of(path: pathlib.Path) -> str:
    return str(path.relative_to(ROOT))


@functools.cache
def text_of(path: pathlib.Path) -> str:
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return ""


def swift_files(folder: str) -> list[pathlib.Path]:
    return [p for p in files() if p.suffix == ".swift" and name_of(p).startswith(folder)]


@functools.cache
def bare(path: pathlib.Path) -> str:
    """Swift without comments and texts, in as many lines."""
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text_of(path), flags=re.S)
    text = re.sub(r"//[^\n]*", "", text)
    text = re.sub(r'"""\n.*?\n\s*"""', lambda m: '""' + "\n" * m[0].count("\n"), text, flags=re.S)
    return re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)


# MARK: The structure of the sources

MODIFIER = (
    r"(?:(?:package|public|internal|private|fileprivate|final|indirect|nonisolated|static|class"
    r"|mutating|override|convenience|required|isolated|@\w+(?:\([^)\n]*\))?) )*"
)
DEFINITION = re.compile(
    rf"^({MODIFIER})(?:struct|enum|class|actor|protocol|typealias)\s+(\w+)", re.MULTILINE
)


def definitions(path: pathlib.Path) -> list[str]:
    """The types that a file gives its target: neither nested nor private."""
    return [m[2] for m in DEFINITION.finditer(bare(path)) if "private" not in m[1]]


def target_of(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).parts[1]


@check("no name of a type stands for two things: each is defined in one target")
def types() -> Iterator[str]:
    places = defaultdict(set)
    for path in swift_files("Sources/"):
        for name in definitions(path):
            places[name].add(target_of(path))
    assert len(places) > 100, "the types are not found"
    for name, targets in sorted(places.items()):
        if len(targets) > 1:
            yield f"{name}: {', '.join(sorted(targets))}"


@check("no two files of the sources have one name")
def file_names() -> Iterator[str]:
    places = defaultdict(set)
    for path in swift_files("Sources/"):
        places[path.name].add(name_of(path))
    for paths in places.values():
        if len(paths) > 1:
            yield ", ".join(sorted(paths))


def rings(edges: dict) -> list[list]:
    """The groups in which each member leads to each other: strongly connected components, found as
    Tarjan does."""
    order, low, stack, found = {}, {}, [], []

    def visit(node) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in edges[node]:
            if other not in order:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == order[node]:
            place = stack.index(node)
            group = stack[place:]
            del stack[place:]
            if len(group) > 2:
                found.append(group)

    for node in edges:
        if node not in order:
            visit(node)
    return found


@check("no ring of files: within a target, files name each other's types one way")
def file_rings() -> Iterator[str]:
    # A type and its shell may know each other, so a ring has three files or more.
    assert rings({1: [2], 2: [3], 3: [1], 4: [1]}) == [[1, 2, 3]], "rings are not found"
    for target in sorted({target_of(path) for path in swift_files("Sources/")}):
        own = swift_files(f"Sources/{target}/")
        places = defaultdict(set)
        for path in own:
            for name in definitions(path):
                places[name].add(path)
        home = {name: next(iter(paths)) for name, paths in places.items() if len(paths) == 1}
        edges = {
            path: sorted(
                {home[w] for w in re.findall(r"\b[A-Z]\w+", bare(path)) if w in home} - {path}
            )
            for path in own
        }
        for ring in rings(edges):
            yield f"{target}: {', '.join(sorted(path.stem for path in ring))}"


FUNCTION = re.compile(rf"^( *){MODIFIER}(func [^\s(<]+|init\b|subscript\b|deinit\b)")


def functions(path: pathlib.Path) -> Iterator[tuple[str, int, int]]:
    """Name, first line and length of each function with a body; swift format has made the form."""
    lines = bare(path).split("\n")
    for start, line in enumerate(lines):
        if not (match := FUNCTION.match(line)):
            continue
        for end in range(start, len(lines)):
            if lines[end].startswith(match[1] + "}"):
                yield match[2].removeprefix("func "), start + 1, end - start + 1
                break
            # The next member, or the type's end: a requirement without a body.
            shallow = re.match(rf"^ {{0,{len(match[1])}}}[^ )}}]", lines[end])
            if end > start and shallow and not re.match(r"^ *(where|throws|async|->)", lines[end]):
                break


@check(f"no function has more than {LONGEST_FUNCTION} lines, and none of the tests {LONGEST_TEST}")
def lengths() -> Iterator[str]:
    count = 0
    known = set()
    for path in swift_files(""):
        bound = LONGEST_FUNCTION if name_of(path).startswith("Sources/") else LONGEST_TEST
        for name, line, length in functions(path):
            count += 1
            place = f"{name_of(path)}:{name}"
            if length > bound and place not in LONG_FUNCTIONS:
                yield f"{name_of(path)}:{line}: {name} has {length} lines"
            elif length > bound:
                known.add(place)
    assert count > 2_000, f"{count} functions are found"
    yield from (f"{place} is short enough now" for place in LONG_FUNCTIONS.keys() - known)


@check(f"no file has fewer than {SHORTEST_FILE} lines without a reason that is listed here")
def short_files() -> Iterator[str]:
    short = {}
    for path in swift_files("Sources/"):
        count = text_of(path).count("\n")
        if count < SHORTEST_FILE:
            short[name_of(path)] = count
    yield from (f"{name} has {short[name]} lines" for name in sorted(short.keys() - SHORT_FILES))
    yield from (f"{name} is not short, or gone" for name in sorted(SHORT_FILES.keys() - short))


@check("no constant is a copy that a comment ties to its original")
def copies() -> Iterator[str]:
    tie = re.compile(
        r"//.*\b(as in (?:the )?[\w']*(?: [\w']*)?'s `|same as (?:in )?`|copied from|keep in step"
        r"|in step with|must equal|must match|mirrors `)",
        re.I,
    )
    assert tie.search("/// As in the launcher's `Settings`."), "the tie is not found"
    constant = re.compile(r"\b(?:let|var) \w+(?:: [\w.]+)? = [-.\w(]*\d")
    for path in swift_files("Sources/"):
        lines = text_of(path).split("\n")
        for number, line in enumerate(lines, 1):
            if tie.search(line) and any(constant.search(n) for n in lines[number - 1 : number + 3]):
                yield f"{name_of(path)}:{number}: {line.strip()}"


@check("nothing refers to papers, machines or plans outside the repository")
def outside() -> Iterator[str]:
    pattern = re.compile(
        r"\bdesign(?:\.md|,? section|'s (?:words|limits))|\bstyle\.md|\bfacts/\w|"
        # Where this very copy lies is nobody else's place.
        rf"(?<![\w.]){re.escape(str(ROOT))}/|\b(?:TODO|FIXME|XXX)\b"
    )
    for path in files():
        if path == pathlib.Path(__file__).resolve() or "corpus" in path.parts:
            continue
        for number, line in enumerate(text_of(path).split("\n"), 1):
            if pattern.search(line):
                yield f"{name_of(path)}:{number}: {line.strip()[:120]}"


@check("every path that a comment or a document names is there")
def paths() -> Iterator[str]:
    pattern = re.compile(r"(?<![\w/.$}-])((?:Sources|Tests|docker|ecs-task-def)/[\w+./-]*\w)")
    count = 0
    for path in files():
        if path.suffix == ".svg" or "corpus" in path.parts:
            continue
        for number, line in enumerate(text_of(path).split("\n"), 1):
            for match in pattern.finditer(line):
                count += 1
                if not any((ROOT / (match[1] + end)).exists() for end in ("", ".swift")):
                    yield f"{name_of(path)}:{number}: {match[1]}"
    assert count > 100, "paths are not found"


@check("the top level holds what it may, and every target is in the layout")
def layout() -> Iterator[str]:
    allowed = {"Sources", "Tests", "docker", "ecs-task-def"}
    allowed |= {"Package.swift", "README.md", "LICENSE"}
    for entry in sorted({path.relative_to(ROOT).parts[0] for path in files()}):
        if entry not in allowed and not entry.startswith("."):
            yield f"{entry} is at the top level"
    page = text_of(ROOT / ".github/CONTRIBUTING.md")
    listed = set(re.findall(r"^  (\w+)/ ", page, re.MULTILINE))
    targets = {target_of(path) for path in files() if name_of(path).startswith("Sources/")}
    yield from (f"{name}: not in CONTRIBUTING.md" for name in sorted(targets - listed))
    yield from (f"{name}: in CONTRIBUTING.md alone" for name in sorted(listed - targets))


@check("every Swift package that is built has its exact version in Package.swift")
def pins() -> Iterator[str]:
    state = ROOT / ".build/workspace-state.json"
    assert state.exists(), "build first: swift build --build-tests"
    manifest = text_of(ROOT / "Package.swift")
    stated = {
        url.rsplit("/", 1)[1]: version
        for url, version in re.findall(r'\("(https://[^"]+)", "([0-9.]+)"\)', manifest)
    }
    for package in json.loads(state.read_text())["object"]["dependencies"]:
        name = package["packageRef"]["identity"]
        version = package["state"].get("checkoutState", {}).get("version")
        if stated.pop(name, None) != version:
            yield f"{name} is built at {version}"
    yield from (f"{name} is not built" for name in stated)


# MARK: Documents


@functools.cache
def pages() -> dict[str, str]:
    found = {name_of(path): text_of(path) for path in files() if path.suffix == ".md"}
    assert "README.md" in found
    return found


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    again = {f"{slug}-{n}" for slug, last in found.items() for n in range(1, last + 1)}
    return found.keys() | again


def links(page: str) -> Iterator[tuple[str, str, str]]:
    """Each link of a page into the repository: as it stands, the file, the anchor."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(pages()[page])):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        yield target, str(file.resolve().relative_to(ROOT)), anchor


@check("every link in the documents leads somewhere, to the heading that it names")
def link_targets() -> Iterator[str]:
    assert anchors("## A run waits: why?\n### `x` and [y](z)") == {"a-run-waits-why", "x-and-y"}
    count = 0
    for page in pages():
        for target, file, anchor in links(page):
            count += 1
            if not (ROOT / file).exists():
                yield f"{page}: {target}"
            elif anchor and anchor not in anchors(pages().get(file, "")):
                yield f"{page}: {target} has no such heading"
    assert count > 50, "links are not found"


@check("every example of the module is on the module's page")
def examples() -> Iterator[str]:
    linked = {file for _, file, _ in links(MODULE_PAGE)}
    found = {name_of(path.parent) for path in files() if path.match("ecs-task-def/examples/*/*.tf")}
    assert found, "examples are not found"
    yield from sorted(name for name in found if f"{name}/main.tf" not in linked)


@check("every table in the documents has one head, and as many cells in each row")
def tables() -> Iterator[str]:
    count = 0
    for page, text in pages().items():
        for table in re.findall(r"(?:^\|.*\n)+", prose(text), re.MULTILINE):
            count += 1
            rows = [re.sub(r"\\\||`[^`]*`", "", row) for row in table.strip().split("\n")]
            heads = [n for n, row in enumerate(rows) if re.fullmatch(r"[|\s:-]+", row)]
            if 1 not in heads or any(re.fullmatch(r"(\|-+)+\|", row) for row in rows[2:]):
                yield f"{page}: no head, or several: {rows[0][:80]}"
            for row in rows:
                if row.count("|") != rows[0].count("|"):
                    yield f"{page}: {row[:80]}"
    assert count > 20, f"{count} tables are found"


@check("every table of measurements in the documents has the rows that are measured")
def measured_rows() -> Iterator[str]:
    sys.path.insert(0, str(ROOT / "Tests/benchmarks"))
    import rows

    yield from rows.wrong()


@check("every page is reached from the README, the line that lowers the service in four clicks")
def reach() -> Iterator[str]:
    distance = {"README.md": 0}
    queue = ["README.md"]
    for page in queue:
        for _, file, _ in links(page) if page in pages() else []:
            if file not in distance:
                distance[file] = distance[page] + 1
                queue.append(file)
    # A collection's list of sources is found beside it.
    for page in pages():
        if page not in distance and not page.startswith("Tests/HCPTerraformTests/"):
            yield f"{page} is not reached"
    writers = [
        name_of(path)
        for path in swift_files("Sources/")
        if "The one place\n/// from which a service's count is written" in text_of(path)
    ]
    assert len(writers) == 1, f"the place that writes the service's count is {writers}"
    if distance.get(writers[0], 9) > 4:
        yield f"{writers[0]} is not reached in four clicks"


def chapter(page: str, heading: str) -> str:
    """A chapter of a page, its own headings included, without blocks of code."""
    text = prose(pages()[page])
    match = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert match, f"{page} has no chapter {heading}"
    rest = text[match.end() :]
    end = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def shipped() -> Iterator[pathlib.Path]:
    """The sources of the programs that ship."""
    targets = list(SHIPPED)
    for target in targets:
        own = swift_files(f"Sources/{target}/")
        for name in re.findall(r"\bimport (\w+)$", "\n".join(map(bare, own)), re.MULTILINE):
            if name not in targets and (ROOT / "Sources" / name).is_dir():
                targets.append(name)
        yield from own


@check("every setting that a program reads is in the documents, and every one there is read")
def settings() -> Iterator[str]:
    read = set()
    for path in shipped():
        text = re.sub(r"^\s*//.*$", "", text_of(path), flags=re.MULTILINE)
        read |= set(re.findall(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"', text))
        read |= set(re.findall(r'(?:value|count|required|getenv)\(\s*"([A-Z]+)"', text))
        # Each secret may be in a parameter instead.
        secrets = re.findall(r'[sS]ecretSource\(\s*"([A-Z_]+)"', text)
        read |= {f"{name}_PARAMETER" for name in secrets}
        # AWS's own form, one for each of its services.
        if '"AWS_ENDPOINT_URL_" + ' in text:
            services = re.search(r"enum AWSService.*?\n\n", text, re.DOTALL)[0]
            read |= {f"AWS_ENDPOINT_URL_{s.upper()}" for s in re.findall(r"case (\w+)", services)}
    read -= NO_SETTINGS.keys()
    assert len(read) > 30, f"{len(read)} settings are found"
    told = set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)`", chapter(OPERATING, "Settings")))
    yield from (f"{name} is read and not in {OPERATING}" for name in sorted(read - told))
    own = {n for n in told - read if not any(n.startswith(other) for other in OTHERS_SETTINGS)}
    known = {"ECS_CONTAINER_METADATA_URI"}
    yield from (f"{name} is in {OPERATING} and not read" for name in sorted(own - known))


@check("what the settings say of who reads them, the programs' own help says too")
def setting_readers() -> Iterator[str]:
    manuals = {
        "sidecar": help_of(f"{BUILT}/agent-sidecar", "run"),
        "endpoint": help_of(f"{BUILT}/scale-up-server"),
        "`scale-up-server`": help_of(f"{BUILT}/scale-up-server"),
        "launcher": help_of(f"{BUILT}/agent-launcher"),
    }
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|", chapter(OPERATING, "Settings"), re.MULTILINE)
    assert len(rows) > 25, f"{len(rows)} settings are found"
    for names, readers in rows:
        for name in re.findall(r"`([A-Z_]+)`", names):
            # Found as by AWS's SDKs, which explain them.
            if name.startswith("AWS_"):
                continue
            for reader in readers.split(", "):
                manual = manuals.get(reader)
                if manual and not re.search(rf"\b{name}\b", manual):
                    yield f"{name}: not in the help of the {reader}"


LITERAL = r'"(?:\\.|[^"\\\n])*"'


def fragments(literals: str) -> list[str]:
    """What always stands in a text, between what is filled in; pieces joined with + are one."""
    joined = re.sub(r'"\s*\+\s*"', "", literals)
    whole = "\0".join(piece[1:-1] for piece in re.findall(LITERAL, joined))
    # An interpolation may hold brackets once.
    pieces = re.split(r"\\\((?:[^()]|\([^()]*\))*\)|\0", whole)
    plain = [re.sub(r"\\(.)", r"\1", piece).strip() for piece in pieces]
    return [piece for piece in plain if len(piece) > 2]


def events() -> dict[str, tuple[str, str]]:
    """By its case: what each event is called in a line, and its level."""
    source = text_of(ROOT / "Sources/Telemetry/EventName.swift")
    names = re.findall(r'^    case (\w+)(?: = "(\w+)")?$', source.split("enum LogLevel")[0], re.M)
    level_of = {}
    for cases, level in re.findall(r"case ((?:\.\w+,?\s*)+):\s*\.(\w+)$", source, re.M):
        level_of |= dict.fromkeys(re.findall(r"\.(\w+)", cases), level)
    assert len(names) > 80 and len(level_of) >= len(names), f"{len(names)} events are found"
    return {case: (name or case, level_of[case]) for case, name in names}


@check("every event of a log has its row in the operators' page, with its level, and no other")
def event_rows() -> Iterator[str]:
    real = dict(events().values())
    rows = re.findall(
        r"^\| ((?:`\w+`(?:, )?)+) \| (error|warning|info|debug|any) \|",
        chapter(OPERATING, "Log lines"),
        re.MULTILINE,
    )
    told = {name: level for names, level in rows for name in re.findall(r"`(\w+)`", names)}
    assert len(told) > 80, f"{len(told)} rows are found"
    yield from (f"{name}: no row in {OPERATING}" for name in sorted(real.keys() - told.keys()))
    yield from (f"{name}: no program says it" for name in sorted(told.keys() - real.keys()))
    for name in sorted(real.keys() & told.keys()):
        if told[name] not in (real[name], "any"):
            yield f"{name}: {real[name]}, and {told[name]} in {OPERATING}"


@check("every metric has its row in the operators' page, with its unit and dimension, and no other")
def metric_rows() -> Iterator[str]:
    source = text_of(ROOT / "Sources/Telemetry/Metric.swift")
    names = dict(re.findall(r'^    case (\w+) = "([A-Z]\w+)"$', source, re.MULTILINE))
    assert len(names) > 25, f"{len(names)} metrics are found"

    def of(property_name: str, values: str) -> dict[str, str]:
        body = re.search(rf"var {property_name}: .*?^    }}", source, re.MULTILINE | re.DOTALL)[0]
        found: dict[str, str] = {}
        for cases, value in re.findall(rf"case ((?:\.\w+,?\s*)+):\s*({values})$", body, re.M):
            found |= dict.fromkeys(re.findall(r"\.(\w+)", cases), value)
        return found

    units, dimensions = of("unit", r"\.\w+"), of("dimension", r"\.\w+|nil")
    fields = {"nil": "", ".reasonName": "`reason_name`", ".status": "`status`"}
    told: dict[str, tuple[str, str]] = {}
    row = r"^\| ((?:`[A-Z]\w+`(?:, )?)+) \| ([\w, ]+) \| ?(`\w+`)? ?\|"
    for cells in re.findall(row, chapter(OPERATING, "Metrics"), re.MULTILINE):
        metrics, unit = re.findall(r"`(\w+)`", cells[0]), cells[1].split(", ")
        for place, metric in enumerate(metrics):
            told[metric] = (unit[min(place, len(unit) - 1)].lower(), cells[2])
    for case, name in names.items():
        real = (units[case].strip(".").lower(), fields[dimensions[case]])
        if told.get(name) != real:
            yield f"{name}: {real}, and {told.get(name)} in {OPERATING}"
    yield from (f"{name}: nobody measures it" for name in told.keys() - set(names.values()))


@check("every obstacle of a start has its row in the operators' page, with its words")
def obstacle_rows() -> Iterator[str]:
    source = text_of(ROOT / "Sources/Decisions/StartObstacle.swift")
    table = chapter(OPERATING, "Agents that cannot start")
    cases = re.findall(r'^    case (\w+)(?: = "(\w+)")?$', source, re.MULTILINE)
    words = dict(re.findall(r'case \.(\w+): "([^"]+)"', source))
    assert len(cases) > 10 and len(words) == len(cases), f"{len(cases)} obstacles are found"
    for case, name in cases:
        if f"`{name or case}`" not in table:
            yield f"{name or case}: no row"
        if case not in ("cpuQuota", "taskQuota") and words[case] not in table:
            yield f"{name or case}: {words[case]!r} is not there"


@check("every member of a line is in the operators' page")
def line_members() -> Iterator[str]:
    source = text_of(ROOT / "Sources/Telemetry/LogField.swift").split("enum LogValue")[0]
    names = re.findall(r'^    case (\w+)(?: = "(\w+)")?$', source, re.M)
    assert len(names) > 20, f"{len(names)} members are found"
    table = chapter(OPERATING, "A line's members")
    for case, name in names:
        if f"`{name or case}`" not in table:
            yield f"{name or case}: no row in {OPERATING}"


def spoken() -> Iterator[tuple[str, list[str]]]:
    """Where a program says something that a person may have to act on, and what it always has."""
    text = rf"((?:{LITERAL}|[\w.()]+)(?:\s*\+\s*(?:{LITERAL}|[\w.()]+))*)"
    calls = re.compile(rf"\b(?:log|journal\.(?:once|say)|Notice\.say)\(\s*\.(\w+),\s*{text}")
    levels = {case: level for case, (_, level) in events().items()}
    for path in shipped():
        for match in calls.finditer(text_of(path)):
            if levels[match[1]] in ("debug", "info"):
                continue
            # What is nothing but filled in is said by somebody else.
            if not match[2].startswith('"\\(') and (found := fragments(match[2])):
                yield f"{name_of(path)}: {match[2][:60]}", found
    decisions = [p for p in swift_files("Sources/Decisions/") if p.stem != "Reason+Name"]
    reasons = "".join(map(text_of, decisions))
    warned = set(re.findall(r"\.(?:warn|alarm), \.(\w+)", reasons))
    assert len(warned) > 8, f"{len(warned)} warnings are found"
    silence = re.search(r"enum Silence\b.*?^}", reasons, re.MULTILINE | re.DOTALL)
    assert silence, "what is said of silence is not found"
    warned_of = [(case, reasons) for case in warned]
    warned_of += [(case, silence[0]) for case in re.findall(r"^    case (\w+)$", silence[0], re.M)]
    for case, source in warned_of:
        match = re.search(
            rf"case \.{case}(?:\([^)]*\))?:\s*((?:{LITERAL})(?:\s*\+\s*{LITERAL})*)", source
        )
        if match and (found := fragments(match[1])):
            yield case, found
        else:
            yield case, [f"(the sentence of {case} is not found)"]


@check("every warning, error and alarm has its line in the operators' page")
def warnings() -> Iterator[str]:
    page = re.sub(r"\s+", " ", chapter(OPERATING, "Log lines"))
    count = 0
    for place, found in spoken():
        count += 1
        missing = [piece for piece in found if re.sub(r"\s+", " ", piece) not in page]
        if missing:
            yield f"{place}: {missing[0]}"
    assert count > 40, f"{count} warnings are found"


@check("every log line in the operators' page is one that a program says")
def told_lines() -> Iterator[str]:
    texts = []
    for path in shipped():
        text = re.sub(r'"\s*\+\s*"', "", text_of(path))
        texts += [re.sub(r"\\(.)", r"\1", t[1:-1]) for t in re.findall(LITERAL, text)]
        # A case is its own text where it has no other.
        texts += re.findall(r"^    case (\w+)$", text, re.MULTILINE)
    everything = "\n".join(texts)
    count = 0
    told = chapter(OPERATING, "Log lines") + chapter(OPERATING, "An agent does not leave")
    for row in re.findall(r"^\| (.*?) \|", told, re.MULTILINE):
        for line in re.findall(r"`([^`]+)`", row):
            count += 1
            for piece in re.split(r"\.\.\.", line):
                if len(piece.strip()) > 2 and piece.strip(" :;,") not in everything:
                    yield f"{line}: nobody says {piece.strip()!r}"
    assert count > 40, f"{count} lines are found"


# MARK: Commands in the documents


@functools.cache
def help_of(*command: str) -> str:
    program = ROOT / command[0]
    assert program.exists(), f"build first: {command[0]} is not there"
    result = subprocess.run(
        [program, *command[1:], "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    return result.stdout + result.stderr


# The words that begin a command, and what tells its options.
BUILT = ".build/debug"
COMMANDS = [
    (r"Tests/rehearse", lambda: help_of(f"{BUILT}/rehearsal", "play")),
    (r"(?:\./)?rehearsal play", lambda: help_of(f"{BUILT}/rehearsal", "play")),
    (r"(?:\./)?(?:rehearsal )?simulate", lambda: help_of(f"{BUILT}/rehearsal", "simulate")),
    (r"(?:\S+/)?rehearsal prove", lambda: help_of(f"{BUILT}/rehearsal", "prove")),
    (r"(?:\./)?rehearsal explore", lambda: help_of(f"{BUILT}/rehearsal", "explore")),
    (r"(?:(?:\.\./)*)docker/build", lambda: help_of("docker/build")),
    (r"Tests/run", lambda: text_of(ROOT / "Tests/run") + text_of(ROOT / "Tests/report.py")),
]


def commands() -> Iterator[tuple[str, str, str, Callable[[], str]]]:
    """Each command in the documents: page, command, its options, and where these are explained."""
    for page, text in pages().items():
        lines = re.findall(r"`([^`\n]+)`", prose(text))
        for block in re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S):
            lines += [line.split("#")[0] for line in block.replace("\\\n", " ").split("\n")]
        for line in lines:
            for words, explained in COMMANDS:
                if match := re.match(rf"(?:\w+=\S+ )*{words}(?= |$)", line.strip()):
                    yield page, line.strip(), line.strip()[match.end() :], explained
                    break


@check("every command in the documents has only options and values that its program takes")
def command_options() -> Iterator[str]:
    count = 0
    for page, command, rest, explained in commands():
        count += 1
        manual = explained()
        # What follows -- goes to somebody else.
        for match in re.finditer(r"(--[a-z][\w-]*)(?:[ =]([a-z][\w-]*))?", rest.split(" -- ")[0]):
            option, value = match[1], match[2]
            if not re.search(rf"(?<![\w-]){option}(?![\w-])", manual):
                yield f"{page}: {command}: no option {option}"
                continue
            row = re.search(rf"^  {option} <.*?(?=^  --|\Z)", manual, re.MULTILINE | re.DOTALL)
            values = re.search(r"\(values:([^);]*)", row[0]) if row else None
            allowed = set(re.split(r"[,\s]+", values[1])) if values else {value}
            if value and value not in allowed:
                yield f"{page}: {command}: {option} takes no {value}"
    assert count > 30, f"{count} commands are found"


# MARK: Scripts


def scripts() -> list[pathlib.Path]:
    return [p for p in files() if re.match(r"#!/bin/(?:ba)?sh\n", text_of(p))]


def complaints(command: list[str]) -> Iterator[str]:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    if result.returncode != 0:
        yield from (result.stdout + result.stderr).strip().split("\n")


@check("shellcheck finds nothing in the shell scripts")
def shell() -> Iterator[str]:
    assert len(scripts()) > 8, "the scripts are not found"
    yield from complaints([".venv/bin/shellcheck", "--format=gcc", *map(name_of, scripts())])


@check("ruff finds nothing in the Python files")
def python() -> Iterator[str]:
    options = ["--quiet", "--output-format=concise"]
    yield from complaints([".venv/bin/ruff", "check", *options, "Tests"])


def run(sentence: str, function: Callable[[], Iterator[str]]) -> bool:
    try:
        wrong = list(function())
    except AssertionError as error:
        wrong = [f"{error or 'the check itself is broken'}"]
    print(f"    {'FAILED' if wrong else 'ok'}: {sentence}", flush=True)
    for line in wrong:
        print(f"        {line}")
    return not wrong


# As Tests/report.py counts them.
ALL = [
    (f"Tidy: {sentence}", lambda root, s=sentence, f=function: run(s, f))
    for sentence, function in CHECKS
]


def main() -> int:
    words = sys.argv[1:]
    chosen = [c for c in CHECKS if not words or any(word in c[0] for word in words)]
    failed = [sentence for sentence, function in chosen if not run(sentence, function)]
    print(f"    {len(chosen) - len(failed)} held, {len(failed)} did not", flush=True)
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
