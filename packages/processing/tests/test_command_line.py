"""``python -m processing`` and its subcommands."""

import errno
import os
import platform
import queue
import subprocess
import sys
from pathlib import Path

import pytest

import processing
from processing._commands import COMMANDS, _check, _limits, main
from processing._commands._versions import DISTRIBUTIONS
from processing_testing.harness.mechanisms import needs_resource_limits


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "processing", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def broken(error: BaseException) -> None:
    raise error


def test_everything_works_here() -> None:
    result = run("check")
    assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr
    versions, limits, tried = (block.splitlines() for block in result.stdout.split("\n\n"))
    assert len(versions) == len(DISTRIBUTIONS) + 2
    assert limits
    *lines, last = tried
    assert last == "Everything works here."
    assert all(" works " in line for line in lines)
    for name in ["shared memory", "lock", "queue", "pool", "manager"]:
        assert any(line.startswith(name) for line in lines)
    for method in processing.get_all_start_methods():
        assert any(line.startswith(f"process ({method})") for line in lines)


class TestLimits:
    def test_each_is_found(self) -> None:
        found = {fact.name: fact.text() for fact in _limits.facts()}
        assert [text for text in found.values() if "unknown" in text] == []
        assert found["start methods"].count("(default)") == 1
        for method in processing.get_all_start_methods():
            assert method in found["start methods"]

    @needs_resource_limits
    def test_of_descriptors(self) -> None:
        import resource

        assert str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]) in _limits.open_files()

    def test_of_the_arena(self) -> None:
        code = "from processing._commands import _limits; print(_limits.arena())"
        variables = {**os.environ, "PROCESSING_ARENA_LIMIT": str(1 << 29)}
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=variables)
        assert result.stdout.startswith("0.50 GiB at the most (by PROCESSING_ARENA_LIMIT)")

    def test_the_default_method_is_the_programs(self) -> None:
        code = "import processing; processing.set_start_method('spawn'); from processing._commands import _limits"
        result = subprocess.run(
            [sys.executable, "-c", f"{code}; print(_limits.start_methods())"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "spawn (default)" in result.stdout

    def test_one_that_cannot_be_found_is_no_failure(self) -> None:
        assert _limits.Fact("a fact", lambda: str(1 / 0)).text() == "unknown (ZeroDivisionError: division by zero)"

    @needs_resource_limits
    def test_the_smallest_of_the_control_groups_counts(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        groups = [str(tmp_path / "a" / "b"), str(tmp_path / "a")]
        os.makedirs(groups[0])
        monkeypatch.setattr(_limits, "control_groups", lambda controller: groups)
        assert _limits.of_number(_limits.smallest("pids", ("pids.max",))) == "unlimited"
        (tmp_path / "a" / "b" / "pids.max").write_text("max\n")
        (tmp_path / "a" / "pids.max").write_text("100\n")
        assert _limits.processes().endswith("100 in this container")


def test_versions_of_everything() -> None:
    result = run("--version")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert len(DISTRIBUTIONS) == 6
    for name, line in zip(DISTRIBUTIONS, lines, strict=False):
        assert line.startswith(f"{name} {processing.__version__}")
    assert lines[6] == f"CPython {sys.version.split()[0]}"
    assert platform.platform().partition("-")[0] in lines[7]


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_lists_the_commands(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.returncode == 0
    for name, command in COMMANDS.items():
        assert name in result.stdout
        assert command.summary in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"python -m processing {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"), [(["chekc"], "invalid choice: 'chekc'"), (["--version", "check"], "comes first")]
)
def test_wrong_arguments(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (OSError(errno.EMFILE, "x"), "ulimit -n"),
        (ImportError("x.so: cannot open shared object file: Too many open files"), "ulimit -n"),
        (OSError(errno.ENOSPC, "x"), "too little memory"),
        (MemoryError("x"), "too little memory"),
        (BlockingIOError(errno.EAGAIN, "x"), "ulimit -u"),
        (PermissionError(errno.EPERM, "x"), "sandbox"),
        (OSError(errno.ENOSYS, "x"), "sandbox"),
        (ImportError("x"), "pip install"),
        (processing.TimeoutError("x"), "did not answer"),
        (queue.Empty("x"), "did not answer"),
        (ZeroDivisionError("x"), "Please report"),
    ],
)
def test_what_does_not_work_and_what_to_do(
    error: Exception, advice: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [_check.Part("a part", lambda: broken(error)), _check.Part("another", lambda: None)]
    monkeypatch.setattr(_check, "parts", lambda: parts)
    assert main(["check"]) == 1
    output = capsys.readouterr().out
    assert f"a part                 FAILED: {type(error).__name__}" in output
    assert advice in output
    assert "another                works" in output  # after one failure it tries the rest
    assert output.endswith("Not everything works here: a part.\n")


def test_an_unexpected_value_fails() -> None:
    with pytest.raises(processing.ProcessError, match="2 was expected, but there is 1"):
        _check._expect(1, 2)


def test_importing_the_package_does_not_import_the_command_line() -> None:
    code = "import sys, processing; print([name for name in sys.modules if '_commands' in name or name == 'argparse'])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
