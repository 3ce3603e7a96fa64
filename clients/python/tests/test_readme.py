"""The examples of the README, run in order against a daemon."""

from __future__ import annotations

import ast
import doctest
import re
from pathlib import Path
from types import ModuleType

import pytest

from surmise import Daemon, _address, _expected

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_examples_run(daemon: Daemon, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pandas")
    monkeypatch.setenv("SURMISE_SERVER", daemon.url)
    monkeypatch.setenv("SURMISE_SOCKET", daemon.address)
    examples = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) >= 8
    names: dict[str, object] = {}
    for example in examples:
        exec(compile(example, str(README), "exec"), names)
    said = capsys.readouterr().out
    assert "/home" in said
    assert "404 stream" in said


def test_the_examples_of_docstrings_are_python() -> None:
    found = 0
    for path in (README.parent / "src").rglob("*.py"):
        for example in doctest.DocTestParser().get_examples(path.read_text(encoding="utf-8")):
            compile(example.source, str(path), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            found += 1
    assert found > 10


@pytest.mark.parametrize("module", [_address, _expected])
def test_the_examples_that_need_no_daemon_hold(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0
