"""Looks into a compiled extension: whether it runs where its wheel's tags say, and ships nothing that nobody needs."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["ELF", "MACH_O", "Expected", "Found", "inspect", "look"]

ELF, MACH_O = "ELF", "Mach-O"
ENTRY = "PyInit__kernel"


@dataclass(frozen=True)
class Expected:
    """What must be found in an extension."""

    format: str
    processor: str
    libraries: frozenset[str]
    """What it may be linked with; Python's functions come from the process that loads it."""
    version: tuple[int, ...] | None
    """The newest version of glibc whose symbols it may use, or the oldest macOS that it must load on."""
    weak: frozenset[str] = frozenset()
    """Functions that it must use only where the system has them."""


@dataclass
class Found:
    """What an extension is, and needs."""

    format: str
    processor: str
    libraries: set[str] = field(default_factory=set)
    versions: set[tuple[int, ...]] = field(default_factory=set)
    """Of glibc's symbols that it uses, or the oldest macOS."""
    exported: set[str] = field(default_factory=set)
    weak: set[str] = field(default_factory=set)
    """Functions that may be missing where it is loaded."""
    debugging: bool = False
    """Whether it has a table of private symbols, or information for debuggers."""
    path: str | None = None
    """Where it makes the loader search for libraries."""


def inspect(extension: Path, expected: Expected) -> Found:
    """Hold an extension against what its wheel says.

    :raises ValueError: if they differ.
    """
    found = look(extension)
    faults = list(differences(found, expected))
    if faults:
        raise ValueError(f"{extension.name}: {'; '.join(faults)}")
    return found


def differences(found: Found, expected: Expected) -> Iterator[str]:
    """Each difference, in words."""
    if (found.format, found.processor) != (expected.format, expected.processor):
        yield f"it is {found.format} for {found.processor}, not {expected.format} for {expected.processor}"
    if not found.libraries <= expected.libraries:
        yield f"it is linked with {', '.join(sorted(found.libraries - expected.libraries))}"
    if expected.version is None and found.versions:
        yield "it uses symbols of glibc"
    elif expected.version and found.versions and max(found.versions) > expected.version:
        yield f"it needs {'.'.join(map(str, max(found.versions)))}, not {'.'.join(map(str, expected.version))}"
    if found.exported != {ENTRY}:
        yield f"it exports {', '.join(sorted(found.exported)) or 'nothing'}"
    if not expected.weak <= found.weak:
        yield f"it does not load without {', '.join(sorted(expected.weak - found.weak))}"
    if found.debugging:
        yield "it is not stripped"
    if found.path:
        yield f"it searches {found.path} for libraries"


def look(extension: Path) -> Found:
    """What a file is.

    :raises ValueError: if it is of no format that is known here.
    """
    magic = extension.read_bytes()[:4]
    if magic == b"\x7fELF":
        return look_at_elf(extension)
    if magic == struct.pack("<I", MACH_HEADER_64):
        return look_at_mach_o(extension.read_bytes())
    raise ValueError(f"{extension.name} is of no format that is known")


# -- Linux --

PROCESSORS_OF_ELF = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64"}


def look_at_elf(extension: Path) -> Found:
    """What an ELF file is; pyelftools reads it."""
    from elftools.elf.elffile import ELFFile

    with extension.open("rb") as stream:
        file: Any = ELFFile(stream)
        found = Found(ELF, PROCESSORS_OF_ELF.get(file["e_machine"], file["e_machine"]))
        for tag in file.get_section_by_name(".dynamic").iter_tags():
            if tag.entry.d_tag == "DT_NEEDED":
                found.libraries.add(tag.needed)
            elif tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH"):
                found.path = getattr(tag, "rpath", None) or tag.runpath
        for symbol in file.get_section_by_name(".dynsym").iter_symbols():
            if symbol["st_shndx"] != "SHN_UNDEF" and symbol["st_info"]["bind"] in ("STB_GLOBAL", "STB_WEAK"):
                found.exported.add(symbol.name)
        if (needed := file.get_section_by_name(".gnu.version_r")) is not None:
            names = [version.name for _, versions in needed.iter_versions() for version in versions]
            numbers = [re.fullmatch(r"GLIBC_([\d.]+)", name) for name in names]
            found.versions = {tuple(map(int, number[1].split("."))) for number in numbers if number}
        names = [section.name for section in file.iter_sections()]
        found.debugging = any(name == ".symtab" or name.startswith(".debug") for name in names)
    return found


# -- macOS --

MACH_HEADER_64 = 0xFEEDFACF
PROCESSORS_OF_MACH_O = {0x01000007: "x86_64", 0x0100000C: "aarch64"}
LC_SYMTAB, LC_LOAD_DYLIB, LC_LOAD_WEAK_DYLIB, LC_RPATH = 0x2, 0xC, 0x80000018, 0x8000001C
LC_VERSION_MIN_MACOSX, LC_BUILD_VERSION = 0x24, 0x32
MADE_BY_THE_LINKER = {"_dso_handle", "__dso_handle", "_mh_dylib_header"}
N_STAB, N_PEXT, N_TYPE, N_UNDF, N_EXT, N_WEAK_REF = 0xE0, 0x10, 0x0E, 0x0, 0x01, 0x40


def look_at_mach_o(content: bytes) -> Found:
    """What a 64-bit Mach-O file is. Source: <mach-o/loader.h>, <mach-o/nlist.h>."""
    _, processor, _, _, commands, _, _, _ = struct.unpack_from("<8I", content)
    found = Found(MACH_O, PROCESSORS_OF_MACH_O.get(processor, hex(processor)))
    place = 32
    for _ in range(commands):
        command, size = struct.unpack_from("<2I", content, place)
        words = struct.unpack_from(f"<{size // 4}I", content, place)
        if command in (LC_LOAD_DYLIB, LC_LOAD_WEAK_DYLIB):
            found.libraries.add(text_at(content, place + words[2]))
        elif command == LC_RPATH:
            found.path = text_at(content, place + words[2])
        elif command in (LC_BUILD_VERSION, LC_VERSION_MIN_MACOSX):
            version = words[3] if command == LC_BUILD_VERSION else words[2]
            found.versions.add((version >> 16, version >> 8 & 0xFF))
        elif command == LC_SYMTAB:
            read_symbols(content, words[2], words[3], words[4], found)
            found.exported -= MADE_BY_THE_LINKER
        place += size
    return found


def text_at(content: bytes, place: int) -> str:
    """The text that begins there, and ends with a zero byte."""
    return content[place : content.index(b"\0", place)].decode()


def read_symbols(content: bytes, place: int, count: int, strings: int, found: Found) -> None:
    """The exported symbols of a Mach-O file, and what it says for debuggers; zig's linker keeps the private names."""
    for number in range(count):
        name, kind, _, description, _ = struct.unpack_from("<IBBHQ", content, place + 16 * number)
        if kind & N_STAB:
            found.debugging = True
        elif description & N_WEAK_REF and kind & N_TYPE == N_UNDF:
            found.weak.add(text_at(content, strings + name).removeprefix("_"))
        elif kind & N_TYPE != N_UNDF and kind & N_EXT and not kind & N_PEXT:
            found.exported.add(text_at(content, strings + name).removeprefix("_"))
