"""``python -m processing`` and its subcommands."""

import errno
import queue
import subprocess
import sys

import pytest

import processing
from processing._commands import COMMANDS, _check, main
from processing._commands._versions import DISTRIBUTIONS


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "processing", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def broken(error: BaseException) -> None:
    raise error


def test_everything_works_here() -> None:
    result = run("check")
    assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr
    *lines, last = result.stdout.splitlines()
    assert last == "Everything works here."
    assert all(" works " in line for line in lines)
    for name in ["shared memory", "lock", "queue", "pool", "manager"]:
        assert any(line.startswith(name) for line in lines)
    for method in processing.get_all_start_methods():
        assert any(line.startswith(f"process ({method})") for line in lines)


def test_versions_of_everything() -> None:
    result = run("--version")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert len(DISTRIBUTIONS) == 6
    for name, line in zip(DISTRIBUTIONS, lines, strict=False):
        assert line.startswith(f"{name} 0.")
    assert lines[6] == f"CPython {sys.version.split()[0]}"
    assert "Linux" in lines[7]


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
