"""The workflow of this repository: which systems a change is held to, and with what rights."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
WORKFLOW = YAML(typ="safe", pure=True).load(ROOT / ".github" / "workflows" / "ci.yml")
JOBS = WORKFLOW["jobs"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def commands(job):
    return [step["run"] for step in job["steps"] if "run" in step]


def test_it_may_only_read():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "secrets" not in str(JOBS)
    assert not any("permissions" in job or "env" in job for job in JOBS.values())
    assert WORKFLOW["concurrency"]["cancel-in-progress"]


@pytest.mark.parametrize("name", JOBS)
def test_a_job_ends_and_takes_known_releases_of_actions(name):
    assert JOBS[name]["timeout-minutes"] <= 60
    used = [step for step in JOBS[name]["steps"] if "uses" in step]
    assert [re.sub(r"@v\d+$", "", step["uses"]) for step in used] == ["actions/checkout", "actions/setup-python"]
    assert used[0]["with"]["persist-credentials"] is False


def test_every_system_is_held_to_the_digests():
    systems = {entry["system"].split("-")[0] for entry in JOBS["check"]["strategy"]["matrix"]["include"]}
    assert systems | {JOBS["windows"]["runs-on"].split("-")[0]} == {"ubuntu", "macos", "windows"}
    assert all(any("tests/portable.py" in command for command in commands(job)) for job in JOBS.values())


def test_the_oldest_python_is_the_one_that_is_promised():
    pythons = [entry["python"] for entry in JOBS["check"]["strategy"]["matrix"]["include"]]
    pythons += JOBS["windows"]["strategy"]["matrix"]["python"]
    oldest = min(pythons, key=lambda version: [int(number) for number in version.split(".")])
    assert PROJECT["requires-python"] == f">={oldest}"


def test_the_oldest_dependencies_are_the_bounds_of_the_project():
    (bounds,) = [command for command in commands(JOBS["oldest"]) if "oldest.txt" in command and "pip" not in command]
    code = re.fullmatch(r'python -c "\n(.*)\n" > oldest\.txt\n?', bounds, re.DOTALL)[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    found = dict(line.split("==") for line in done.stdout.split())
    assert len(found) == len(PROJECT["dependencies"]) == done.stdout.count("==")
    assert found["numpy"] == "2.0"


def test_what_windows_runs_is_there():
    (tests,) = [command for command in commands(JOBS["windows"]) if "pytest" in command]
    for path in re.findall(r"tests/\S+", tests):
        assert (ROOT / path).exists(), path
