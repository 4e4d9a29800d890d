"""The README says what is so: its example runs, its table of verdicts is the committed one."""

import collections
import contextlib
import io
import json
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_example_prints_what_it_says():
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL).group(1)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "README.md", "exec"), {})
    said = [line.split("# ")[-1] for line in code.splitlines() if line.startswith("print")]
    for told, got in zip(said, out.getvalue().splitlines(), strict=True):
        assert got == told


def test_the_table_of_verdicts_is_the_committed_one():
    claims = json.loads((ROOT / "figures" / "claims.json").read_text())["claims"]
    counts = collections.defaultdict(collections.Counter)
    for claim in claims:
        counts[claim["source"]][claim["verdict"]] += 1
    header, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in README.splitlines() if line.startswith("|")
    ][: 2 + len(counts)]
    assert {row[0] for row in rows} == set(counts)
    for row in rows:
        for word, cell in zip(header[1:], row[1:], strict=True):
            assert int(cell or 0) == counts[row[0]][word], (row[0], word)
