"""Compiles the kernel's C sources into one extension, by hatchling and setuptools' ``build_ext``.

It uses the stable ABI, so that one wheel serves every CPython. A free-threaded one has no such ABI before 3.15: there
it is built with the full API, for that version alone (``cp314t``).

What is built is kept under ``build/kernel/<digest>/``, where the digest covers every source, header, flag and the
interpreter's headers: a change of any of them compiles anew, anything else costs nothing. A finished extension is
renamed into place, never written over, because a running process may have the old one mapped.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shlex
import shutil
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLATFORMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
MACROS = dict.fromkeys(("darwin", "posix-minimal"), (("SOCKET_FILES", "1"),))
STABLE_ABI = 0x030B0000  # CPython 3.11
STABLE_TAG = "cp311-abi3"
OLDEST_FREE_THREADED = (3, 14)
PLATFORM_VARIABLE = "PROCESSING_PLATFORM"
"""Names another section of ``kernel/SOURCES`` than this system's: ``posix-minimal``, which tests on Linux what macOS
has in common with every POSIX system."""

POSIX_COMPILE = [
    "-std=gnu11",
    "-O2",
    "-g0",  # four fifths of the file; `PROCESSING_CFLAGS=-g` brings it back
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
    "-Werror=implicit-function-declaration",
    "-Werror=incompatible-pointer-types",
    "-pthread",
]
POSIX_LINK = ["-pthread"]
LINK_TIME_OPTIMIZATION = ["-flto=auto"]
"""A kernel in many files is slower without it: making and dropping a lock takes 4 % more instructions."""
WINDOWS_COMPILE = ["/std:c11", "/experimental:c11atomics", "/O2", "/W3"]

TOO_OLD = """\
processing-core cannot be built for the free-threaded CPython {version}: it needs 3.14 or newer, the first that is
no experiment. Install it with one of these, or with the ordinary build of CPython 3.11 or newer."""

NO_COMPILER = """\
processing-core needs a C compiler to build its kernel, and {compiler!r} was not found. Either install one
(Debian, Ubuntu: `apt-get install gcc libc6-dev`; Fedora: `dnf install gcc`; macOS: `xcode-select --install`;
Windows: the Visual Studio Build Tools) or install a ready-made wheel (`pip install --only-binary :all: ...`)."""

NO_HEADERS = """\
processing-core needs the C headers of Python to build its kernel, and {header} does not exist. Either install
them (Debian, Ubuntu: `apt-get install python3-dev`; Fedora: `dnf install python3-devel`) or install a
ready-made wheel (`pip install --only-binary :all: ...`)."""

NO_PLATFORM = """\
processing-core has no kernel for {platform!r} yet: kernel/platform/ has a folder for each system that it runs on."""

SOURCES_DIFFER = """\
kernel/SOURCES and the folder disagree. Listed, but missing: {missing}. There, but not listed: {unlisted}."""

COMPILATION_FAILED = """\
The compiler rejected processing-core's kernel; its messages stand above. The kernel wants C11 with
<stdatomic.h> (gcc >= 9, clang >= 11). Extra flags in use from PROCESSING_CFLAGS: {flags!r}."""


class KernelBuildError(Exception):
    """The kernel cannot be compiled here; the text says what to do about it."""


class KernelHook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds ``processing_core._kernel``; the test-only kernel overrides the class attributes."""

    PLUGIN_NAME = "custom"

    module = "processing_core._kernel"
    macros: tuple[tuple[str, str], ...] = ()

    @property
    def kernel(self) -> Path:
        """The folder of the C sources."""
        return Path(self.root) / "kernel"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile where a wheel is made: into it, or for an editable install beside the Python sources."""
        if self.target_name != "wheel":
            return
        try:
            extension = build(self.module, self.kernel, self.macros, Path(self.root) / "build" / "kernel")
        except KernelBuildError as error:
            self.app.abort(str(error))  # the text alone: a traceback would bury it
        package = self.module.split(".")[0]
        if version == "editable":
            put_in_place(extension, Path(self.root) / "src" / package / extension.name)
        else:
            build_data["force_include"][str(extension)] = f"{package}/{extension.name}"
        build_data["pure_python"] = False
        build_data["tag"] = f"{python_tag()}-{platform_tag()}"

    def clean(self, versions: list[str]) -> None:
        """Forget everything compiled (`hatch clean`)."""
        shutil.rmtree(Path(self.root) / "build" / "kernel", ignore_errors=True)


def build(module: str, kernel: Path, macros: tuple[tuple[str, str], ...], cache: Path) -> Path:
    """Compile *kernel* into the extension *module*, or find it compiled already.

    :param module: the dotted name of the extension.
    :param kernel: the folder of the C sources.
    :param macros: (name, value) pairs defined for every source.
    :param cache: the folder that keeps what was compiled.
    :return: the extension's path.
    :raises KernelBuildError: if the interpreter, the compiler or the headers do not serve.
    """
    require_interpreter()
    platform = "win32" if cross_target() else os.environ.get(PLATFORM_VARIABLE) or sys.platform
    sources = sources_for_platform(kernel, platform)
    macros = (*macros, *MACROS.get(platform, ()))
    headers = sorted(kernel.rglob("*.h"))
    place = cache / digest(module, macros, kernel, [*sources, *headers])
    finished = sorted(place.glob(f"{module.rpartition('.')[2]}.*"))
    if finished:
        return finished[0]
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        compiler = cross_compile if cross_target() else compile_extension
        built = compiler(module, sources, macros, kernel, Path(scratch))
        place.mkdir(exist_ok=True)
        put_in_place(built, place / built.name)
    drop_old(cache, keep=8)
    return place / built.name


def sources_for_platform(kernel: Path, platform: str = sys.platform) -> list[Path]:
    """The sources to compile on *platform*, as ``kernel/SOURCES`` lists them.

    :raises KernelBuildError: if a source is listed but missing, or there but not listed, or nothing is for *platform*.
    """
    name = next((name for key, name in PLATFORMS.items() if platform.startswith(key)), platform)
    listed = read_sources(kernel / "SOURCES")
    every = {path for paths in listed.values() for path in paths}
    there = {path.relative_to(kernel).as_posix() for path in kernel.rglob("*.c")}
    there -= {path for path in there if path.startswith("platform/tests/")}  # a program of its own
    if every != there:
        raise KernelBuildError(SOURCES_DIFFER.format(missing=sorted(every - there), unlisted=sorted(there - every)))
    if not any(name in section for section in listed):
        raise KernelBuildError(NO_PLATFORM.format(platform=platform))
    return [kernel / path for section, paths in listed.items() if section & {"all", name} for path in sorted(paths)]


def read_sources(file: Path) -> dict[frozenset[str], list[str]]:
    """The paths below each section of ``kernel/SOURCES``, whose title is the names of platforms."""
    paths: list[str] = []
    sections = {frozenset({"all"}): paths}
    for line in file.read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("["):
            paths = sections.setdefault(frozenset(text.strip("[]").split()), [])
        elif text:
            paths.append(text)
    return sections


def extra_flags() -> list[str]:
    """The flags of the environment variable ``PROCESSING_CFLAGS``, as sanitizers want them: compiled and linked."""
    return shlex.split(os.environ.get("PROCESSING_CFLAGS", ""))


def digest(module: str, macros: tuple[tuple[str, str], ...], kernel: Path, files: list[Path]) -> str:
    """A name for exactly this build."""
    state = hashlib.sha256()
    flags = [os.environ.get(name, "") for name in ("CC", "CFLAGS", "LDFLAGS", "CPPFLAGS")]
    for part in (module, macros, extra_flags(), flags, sys.version, platform_tag(), Path(__file__).read_bytes()):
        state.update(repr(part).encode())
    for file in files:
        state.update(str(file.relative_to(kernel)).encode() + b"\0" + file.read_bytes() + b"\0")
    return state.hexdigest()[:16]


def compile_extension(
    module: str, sources: list[Path], macros: tuple[tuple[str, str], ...], kernel: Path, scratch: Path
) -> Path:
    """Run ``build_ext`` in this process, with everything it writes under *scratch*."""
    # setuptools must come before distutils, which it provides on CPython >= 3.12.
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext
    from setuptools.errors import BaseError, CCompilerError

    windows = sys.platform == "win32"
    extension = Extension(
        module,
        sources=[str(source) for source in sources],
        include_dirs=[str(kernel)],
        define_macros=[*api_macros(), *macros],
        extra_compile_args=[*(WINDOWS_COMPILE if windows else POSIX_COMPILE), *extra_flags()],
        extra_link_args=[*([] if windows else POSIX_LINK), *extra_flags()],
        py_limited_api=not free_threaded(),
    )

    class Builder(build_ext):
        def build_extensions(self) -> None:
            require_toolchain(self.compiler)
            if not windows and not extra_flags() and optimizes_when_linking(self.compiler, scratch):
                extension.extra_compile_args += LINK_TIME_OPTIMIZATION
                extension.extra_link_args += [*LINK_TIME_OPTIMIZATION, "-O2"]
            compile_in_parallel(self.compiler)
            super().build_extensions()

    command = Builder(Distribution({"name": module, "ext_modules": [extension]}))
    command.build_lib = str(scratch / "lib")
    command.build_temp = str(scratch / "temp")
    command.force = True
    command.ensure_finalized()
    try:
        command.run()
    except (BaseError, CCompilerError) as error:
        raise KernelBuildError(COMPILATION_FAILED.format(flags=extra_flags())) from error
    return Path(command.get_ext_fullpath(module))


def cross_target() -> str:
    """The system to compile for, as ``PROCESSING_TARGET`` says (``windows-x86_64``); empty for this one."""
    return os.environ.get("PROCESSING_TARGET", "")


def cross_compiler() -> Any:
    """The module ``windows/cross.py``.

    :raises KernelBuildError: if it does not know the target.
    """
    path = Path(__file__).parent / "windows" / "cross.py"
    spec = importlib.util.spec_from_file_location("processing_cross", path)
    assert spec is not None
    assert spec.loader is not None
    cross = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cross)
    if cross_target() not in cross.TARGETS:
        raise KernelBuildError(f"PROCESSING_TARGET must be one of {', '.join(cross.TARGETS)}, not {cross_target()!r}")
    return cross


def cross_compile(
    module: str, sources: list[Path], macros: tuple[tuple[str, str], ...], kernel: Path, scratch: Path
) -> Path:
    """As `compile_extension`, for the system that ``PROCESSING_TARGET`` names."""
    cross, name = cross_compiler(), module.rpartition(".")[2]
    try:
        built: Path = cross.compile_extension(cross_target(), name, sources, [*api_macros(), *macros], kernel, scratch)
    except cross.CrossCompilationError as error:
        raise KernelBuildError(str(error)) from error
    return built


def optimizes_when_linking(compiler: Any, scratch: Path) -> bool:
    """Whether *compiler* and its linker can optimize across files: some clang has no linker that knows its format."""
    from setuptools.errors import BaseError, CCompilerError

    folder = scratch / "probe"
    folder.mkdir()
    source = folder / "probe.c"
    source.write_text("int probe(void) { return 0; }\n")
    try:
        objects = compiler.compile([str(source)], output_dir=str(folder), extra_preargs=LINK_TIME_OPTIMIZATION)
        compiler.link_shared_object(objects, str(folder / "probe.so"), extra_preargs=LINK_TIME_OPTIMIZATION)
    except (BaseError, CCompilerError):
        return False
    return True


def compile_in_parallel(compiler: Any) -> None:
    """Let *compiler* compile one source per thread; ``build_ext`` alone goes one by one within an extension."""
    compile_some = compiler.compile

    def compile_all(sources: list[str], *args: Any, **options: Any) -> list[str]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = pool.map(lambda source: compile_some([source], *args, **options), sources)
            return [name for names in objects for name in names]

    compiler.compile = compile_all


def free_threaded() -> bool:
    """Whether the running interpreter was built to run without a GIL."""
    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def api_macros() -> list[tuple[str, str]]:
    """What chooses the API: the stable ABI, or the whole of that of a free-threaded interpreter."""
    return [("Py_GIL_DISABLED", "1")] if free_threaded() else [("Py_LIMITED_API", f"0x{STABLE_ABI:08X}")]


def python_tag() -> str:
    """The wheel's tags of interpreter and ABI, such as ``cp314-cp314t``."""
    version = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    return f"{version}-{version}t" if free_threaded() else STABLE_TAG


def require_interpreter() -> None:
    """:raises KernelBuildError: if the running interpreter is a free-threaded one that is too old."""
    if free_threaded() and sys.version_info < OLDEST_FREE_THREADED:
        raise KernelBuildError(TOO_OLD.format(version=".".join(map(str, sys.version_info[:2]))))


def require_toolchain(compiler: Any) -> None:
    """:raises KernelBuildError: if the compiler's program or Python's headers are missing; it names all that is."""
    lacks = []
    program = getattr(compiler, "compiler", None)  # a command line; MSVC finds its own
    if program and shutil.which(program[0]) is None:
        lacks.append(NO_COMPILER.format(compiler=program[0]))
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.exists():
        lacks.append(NO_HEADERS.format(header=header))
    if lacks:
        raise KernelBuildError("\n\n".join(lacks))


def platform_tag() -> str:
    """The wheel's platform tag, such as ``linux_x86_64``."""
    if cross_target():
        return str(cross_compiler().TARGETS[cross_target()][2])
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


def put_in_place(source: Path, target: Path) -> None:
    """Copy *source* to *target* in one step, so that a process that has the old file mapped keeps it."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    shutil.copyfile(source, name)
    Path(name).chmod(0o755)
    Path(name).replace(target)


def drop_old(cache: Path, keep: int) -> None:
    """Remove all but the *keep* newest builds in *cache*."""
    builds = sorted((path for path in cache.iterdir() if not path.name.startswith("tmp")), key=os.path.getmtime)
    for path in builds[:-keep]:
        shutil.rmtree(path, ignore_errors=True)
