"""Simulations with the real executable, as tests: options, refusals, the report in a browser."""

import functools
import html
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse

from executable import rehearsal, run

CHARTS = ["policies", "timeline", "waits", "cost"]
HEADER = "time,plan_seconds,approval_seconds,apply_seconds,outcome\n"

# Looks at a page from inside and hands over what is wrong with it.
PROBE = """<script>
addEventListener("load", () => {
  const faults = [];
  const seen = element => element.getClientRects().length > 0;
  const inside = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1
    && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
  if (document.documentElement.scrollWidth > innerWidth)
    faults.push(`the page is ${document.documentElement.scrollWidth} wide`);
  for (const id of CHARTS) {
    const drawn = [...document.querySelectorAll(`#${id} svg.chart`)].filter(seen);
    if (drawn.length !== 1) { faults.push(`${id} is drawn ${drawn.length} times`); continue; }
    const frame = drawn[0].getBoundingClientRect();
    if (frame.left < 0 || frame.right > innerWidth) faults.push(`${id} leaves the page`);
    const shapes = [...drawn[0].querySelectorAll("path, rect, circle")].filter(shape => {
      const box = shape.getBoundingClientRect();
      return box.width > 0.5 && box.height > 0.5;
    });
    if (shapes.length < 4) faults.push(`${id} has ${shapes.length} shapes`);
    for (const shape of shapes)
      if (!inside(shape.getBoundingClientRect(), frame)) faults.push(`${id}: a shape is cut off`);
    const texts = [...drawn[0].querySelectorAll("text")];
    if (texts.length < 4) faults.push(`${id} has ${texts.length} texts`);
    const boxes = texts.map(text => text.getBoundingClientRect());
    const scale = frame.width / drawn[0].viewBox.baseVal.width;
    texts.forEach((text, index) => {
      const size = parseFloat(getComputedStyle(text).fontSize) * scale;
      if (size < 10) faults.push(`${id}: "${text.textContent}" has ${size} pixels`);
      if (!inside(boxes[index], frame)) faults.push(`${id}: "${text.textContent}" is cut off`);
      for (let other = index + 1; other < texts.length; other++) {
        const [a, b] = [boxes[index], boxes[other]];
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > 1 && down > 4)
          faults.push(`${id}: "${text.textContent}" lies on "${texts[other].textContent}"`);
      }
    });
  }
  const rows = [...document.querySelectorAll("#table tbody tr")].filter(seen);
  if (rows.length < 6) faults.push(`the table has ${rows.length} rows`);
  for (const cell of document.querySelectorAll("#table td, #table th"))
    if (seen(cell) && cell.scrollWidth > cell.clientWidth + 1)
      faults.push(`"${cell.textContent}" is cut off in the table`);
  const ground = getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number);
  const result = { faults, width: innerWidth, dark: ground[0] + ground[1] + ground[2] < 380 };
  parent.postMessage(JSON.stringify(result), "*");
});
</script>"""

# Chromium's window has a least width; a frame may be as narrow as a phone.
FRAME = """<!doctype html><body style="margin:0">
<iframe src="page.html" style="border:0;width:WIDTHpx;height:900px"></iframe>
<script>addEventListener("message", event => document.body.dataset.result = event.data)</script>
"""


def simulate(root: pathlib.Path, *options: str) -> subprocess.CompletedProcess:
    return run(root, "simulate", *options)


def look(page: str, folder: pathlib.Path, width: int, dark: bool) -> dict:
    """What Chromium shows of a page at a width."""
    probe = PROBE.replace("CHARTS", json.dumps(CHARTS))
    (folder / "page.html").write_text(page.replace("</body>", probe + "</body>"))
    (folder / "frame.html").write_text(FRAME.replace("WIDTH", str(width)))
    handler = functools.partial(QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        shown = subprocess.run(
            [
                "chromium",
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                f"--user-data-dir={folder / 'profile'}",
                f"--window-size={max(width, 500) + 40},1000",
                f"--blink-settings=preferredColorScheme={0 if dark else 1}",
                "--virtual-time-budget=20000",
                "--dump-dom",
                f"http://127.0.0.1:{server.server_port}/frame.html",
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )
    finally:
        server.shutdown()
        server.server_close()
    found = re.search(r'data-result="([^"]*)"', shown.stdout)
    if not found:
        return {"faults": ["the page gave no answer: " + shown.stderr[-500:]]}
    return json.loads(html.unescape(found[1]))


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments) -> None:
        pass


def report_shows_in_a_browser(root: pathlib.Path) -> bool:
    """Light and dark, at the widths of a desktop, a tablet and phones: every chart, nothing cut."""
    fine = True
    with tempfile.TemporaryDirectory() as folder_name:
        folder = pathlib.Path(folder_name)
        path = folder / "report.html"
        made = simulate(root, "--seeds", "4", "--policy", "all", "--report", str(path))
        if made.returncode != 0:
            print(made.stdout + made.stderr)
            return False
        page = path.read_text()
        if re.search(r"(src|href)=|url\(|@import|https?://(?!www\.w3\.org)", page):
            print("    the report needs something from outside")
            fine = False
        for width in [1280, 800, 430, 360]:
            for dark in [False, True]:
                shown = look(page, folder, width, dark)
                name = f"{width} pixels, {'dark' if dark else 'light'}"
                problems = shown["faults"]
                if not problems and (shown["width"] != width or shown["dark"] != dark):
                    problems = [f"it was shown as {shown}"]
                print(f"    {name}: {problems[:5] or 'fine'}", flush=True)
                fine = fine and not problems
        # A probe that finds nothing proves nothing.
        damages = {
            "a chart without shapes": re.sub(r"<(path|rect|circle) [^>]*/>", "", page),
            "a text outside": page.replace('<text x="', '<text x="9', 40),
            "a wide page": page.replace("<main>", '<main><pre style="width:3000px">x</pre>'),
        }
        for name, damaged in damages.items():
            found = look(damaged, folder, 1280, False)["faults"]
            print(f"    {name}: {'found' if found else 'NOT FOUND'}", flush=True)
            fine = fine and damaged != page and bool(found)
    return fine


def seed_has_the_same_result_in_every_process(root: pathlib.Path) -> bool:
    """Swift's dictionaries have another order in each process; nothing may depend on it."""
    options = ["--seeds", "12", "--policy", "all", "--json", "--quiet"]
    results = {simulate(root, *options).stdout for _ in range(3)}
    return len(results) == 1 and json.loads(results.pop())["rules"]["brokenSeeds"] == []


def broken_safeguard_fails(root: pathlib.Path) -> bool:
    result = simulate(root, "--seeds", "1000", "--break", "at-most-one", "--quiet")
    print(result.stdout, end="")
    return result.returncode == 1 and "lowered size by" in result.stdout


def every_fault_played_is_told(root: pathlib.Path) -> bool:
    """The table has a row for each kind, and the numbers that the JSON has."""
    options = ["--seeds", "40", "--runs", "1", "--quiet"]
    faults = json.loads(simulate(root, *options, "--json").stdout)["rules"]["faults"]
    text = simulate(root, *options).stdout.split("faults played:\n")[1].split("\n\n")[0]
    table = [int(line.split()[-1].replace(",", "")) for line in text.splitlines()]
    print(f"    {faults}")
    return len(table) > 20 and sorted(table) == sorted(faults.values()) and min(table) > 0


def modes_stand_beside_each_other(root: pathlib.Path) -> bool:
    """The table, the page and the JSON have the three modes, and renewal saves the boots."""
    options = ["--seeds", "3", "--modes", "--max-jobs", "20", "--quiet"]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "report.html"
        text = simulate(root, *options, "--report", str(path)).stdout
        page = path.read_text()
    modes = {
        mode["name"]: mode
        for mode in json.loads(simulate(root, *options, "--json").stdout)["variants"]["mode"]
    }
    print(text.split("\n\n")[-1])
    rows = [
        line.split()[0]
        for line in text.splitlines()
        if line.startswith(("single ", "renewed ", "shared "))
    ]
    return (
        rows == ["single", "renewed", "shared"] == list(modes)
        and page.count('data-name="mode"') == 3
        and modes["single"]["bootsPerJob"] >= 1 > 2 * modes["renewed"]["bootsPerJob"]
        and modes["renewed"]["renewals"] > modes["renewed"]["jobs"] / 2
        and modes["single"]["renewals"] == modes["shared"]["renewals"] == 0
    )


def notifications_spare_agents_time(root: pathlib.Path) -> bool:
    """The same runs without and with, of which a tenth is canceled."""
    options = ["--seeds", "6", "--canceled-percent", "10", "--notifications", "--quiet"]
    text = simulate(root, *options).stdout
    print(text.split("\n\n")[-1])
    ways = json.loads(simulate(root, *options, "--json").stdout)["variants"]["notifications"]
    without, with_them = ways
    return (
        [way["name"] for way in ways] == ["without", "with"]
        and [line.split()[0] for line in text.splitlines()[-2:]] == ["without", "with"]
        and with_them["agentHours"] < without["agentHours"]
        and with_them["costPerRun"] < without["costPerRun"]
    )


def foresight_learns_from_a_trace(root: pathlib.Path) -> bool:
    """From the fourth run on each apply of the workspace that needs nobody is foreseen, and none of
    the one in which somebody decides after minutes."""
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder) / "runs.csv"
        rows = [
            f"{number * 900},40,{10 if number % 2 else 500},50,applied,{number % 2}"
            for number in range(40)
        ]
        trace.write_text(HEADER.strip() + ",workspace\n" + "\n".join(rows) + "\n")
        options = ["--seeds", "1", "--mode", "single", "--foresight", "--quiet"]
        text = simulate(root, "--trace", str(trace), *options).stdout
    print(text.split("\n\n")[-1])
    return text.endswith("\nwith: 17 applies were foreseen, 17 came in time\n")


def bad_input_is_refused_with_its_reason(root: pathlib.Path) -> bool:
    fine = True
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder) / "runs.csv"
        trace.write_text(HEADER + "100,5,0,5,applied\n99,5,0,5,applied\n")
        binary = pathlib.Path(folder) / "binary.csv"
        binary.write_bytes(b"\xff\xfe\x00")
        cases = [
            (["--trace", str(trace)], 2, "line 3: its time is before that of line 2"),
            (["--trace", str(binary)], 2, "is not UTF-8 text"),
            (["--trace", folder + "/none.csv"], 2, "cannot be read"),
            (["--seeds", "1", "--report", folder + "/no/such/place.html"], 2, "cannot be written"),
            (["--policy", "theirs"], 64, "expected all, or some of ours"),
            (["--canceled-percent", "49"], 64, "expected 0 to 48"),
            (["--spot-discount", "101"], 64, "expected 0 to 100"),
            (["--max-jobs", "1000001"], 64, "expected 0 to 1000000"),
            (["--seeds", "0"], 64, "expected 1 to 1000000"),
            (["--desired-count", "5", "--max", "2"], 64, "contradict each other"),
            (["--break", "gravity"], 64, "gravity"),
            (["--recommend", "--break", "floor"], 64, "goes with neither"),
        ]
        for options, code, reason in cases:
            result = simulate(root, *options)
            if result.returncode != code or reason not in result.stderr:
                print(f"    expected {code} and {reason!r}: {result.stderr[-400:]}")
                fine = False
    return fine


def recommendation_keeps_its_target(root: pathlib.Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder) / "runs.csv"
        rows = [f"{number * 97},40,60,50,applied" for number in range(60)]
        trace.write_text(HEADER + "\n".join(rows) + "\n")
        loose = simulate(root, "--trace", str(trace), "--recommend", "--wait-target", "120")
        tight = simulate(root, "--trace", str(trace), "--recommend", "--wait-target", "31")
        print(loose.stdout + tight.stdout)
        never = simulate(root, "--trace", str(trace), "--recommend", "--wait-target", "1")
    costs = [
        float(re.search(r"\$([0-9.]+) per run", result.stdout)[1]) for result in (loose, tight)
    ]
    return (
        loose.returncode == tight.returncode == 0
        and costs[0] <= costs[1]
        and never.returncode == 1
        and "no choice keeps" in never.stderr
    )


def api_run(status: str, **times: str) -> dict:
    stamps = {name.replace("_", "-"): f"2026-11-23T08:{time}" for name, time in times.items()}
    attributes = {"status": status, "status-timestamps": stamps}
    return {
        "attributes": attributes | {"created-at": "2026-11-23T08:00:00.123Z"},
        "relationships": {"workspace": {"data": {"id": "ws-1", "type": "workspaces"}}},
    }


class RunsAPI(http.server.BaseHTTPRequestHandler):
    """The runs API: two pages, for whoever has the token."""

    pages: list[list[dict]] = []

    def do_GET(self) -> None:
        query = urllib.parse.urlsplit(self.path)
        number = int(urllib.parse.parse_qs(query.query)["page[number]"][0])
        known = query.path == "/api/v2/organizations/example/runs"
        allowed = self.headers["authorization"] == "Bearer a-token"
        self.send_response(200 if known and allowed else 404)
        self.end_headers()
        self.wfile.write(json.dumps({"data": self.pages[number - 1]}).encode())

    def log_message(self, format: str, *arguments) -> None:
        pass


def export(root: pathlib.Path, runs: list[dict], token: str) -> subprocess.CompletedProcess:
    """What the documented script makes of an organization's runs; the first hundred were never
    planned."""
    RunsAPI.pages = [[api_run("canceled", canceled_at="00:30Z")] * 100, runs]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), RunsAPI)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        return subprocess.run(
            [root / "Sources/Simulation/export-runs", "example"],
            env={**os.environ, "TFE_TOKEN": token, "TFC_ADDRESS": address},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        server.shutdown()
        server.server_close()


def exported_runs_make_a_trace(root: pathlib.Path) -> bool:
    """Runs as the API lists them go through the documented script and into a simulation."""
    planned = {"planning_at": "00:10+00:00", "planned_at": "01:24.5+00:00"}
    confirmed = planned | {"confirmed_at": "06:34+00:00", "applying_at": "07:00Z"}
    runs = [
        api_run("applied", **confirmed, applied_at="08:35Z"),
        api_run("errored", **confirmed, errored_at="08:00Z"),
        api_run("errored", planning_at="00:10Z", errored_at="00:40Z"),
        api_run("planned_and_finished", planning_at="00:10Z", planned_and_finished_at="00:50Z"),
        api_run("discarded", **planned, discarded_at="31:24Z"),
        api_run("canceled", planning_at="00:10Z", canceled_at="00:30Z"),
        # Neither over, nor ever planned.
        api_run("planning", planning_at="00:10Z"),
        api_run("canceled", canceled_at="00:30Z"),
    ]
    refused = export(root, runs, "another-token")
    if refused.returncode == 0 or refused.stdout:
        print(f"    a refused call is no trace: {refused.stdout}")
        return False
    made = export(root, runs, "a-token")
    expected = [
        ',74,310,95,"applied"',
        ',74,310,60,"apply_errored"',
        ',30,"","","errored"',
        ',40,"","","planned"',
        ',74,1800,"","discarded"',
        ',20,"","","canceled"',
    ]
    header, *rows = made.stdout.splitlines()
    kept = [row.removeprefix('"2026-11-23T08:00:00.123Z"') for row in rows]
    wanted = sorted(row + ',"ws-1"' for row in expected)
    if header != HEADER.strip() + ",workspace" or kept != wanted:
        print(made.stdout, made.stderr)
        return False
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder) / "runs.csv"
        trace.write_text(made.stdout)
        result = simulate(root, "--trace", str(trace), "--seeds", "1")
    return result.returncode == 0


def stops_at_once_when_interrupted(root: pathlib.Path) -> bool:
    process = subprocess.Popen(
        [rehearsal(root), "simulate", "--seeds", "100000"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    try:
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    print(f"    exit code {process.returncode} after {time.monotonic() - asked:.1f} s", flush=True)
    return process.returncode == 130 and "interrupted" in output


ALL = [
    ("Simulation: the report in Chromium", report_shows_in_a_browser),
    ("Simulation: same seed, same result", seed_has_the_same_result_in_every_process),
    ("Simulation: a broken safeguard fails", broken_safeguard_fails),
    ("Simulation: every fault played is told", every_fault_played_is_told),
    ("Simulation: the modes beside each other", modes_stand_beside_each_other),
    ("Simulation: notifications beside none", notifications_spare_agents_time),
    ("Simulation: foresight on a trace", foresight_learns_from_a_trace),
    ("Simulation: bad input is refused", bad_input_is_refused_with_its_reason),
    ("Simulation: exported runs make a trace", exported_runs_make_a_trace),
    ("Simulation: a recommendation keeps its target", recommendation_keeps_its_target),
    ("Simulation: Ctrl-C", stops_at_once_when_interrupted),
]
