"""The examples of ``examples/event_loops`` work as they say."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

import processing

EXAMPLES = Path(__file__).parent.parent / "examples" / "event_loops"


def load(name: str) -> ModuleType:
    """An example as a module that children can import, too."""
    spec = spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def get(port: int, path: str) -> str:
    """The answer to a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return answer


def test_service(monkeypatch: pytest.MonkeyPatch) -> None:
    service = load("service")
    monkeypatch.setattr(service, "LIMIT", 5.0)

    async def main() -> None:
        async with processing.Pool(2, context=processing.get_context("fork")) as pool:
            server = await service.serve(pool, 0)
            async with server:
                port = server.sockets[0].getsockname()[1]
                answers = await asyncio.gather(*[get(port, f"/{number}") for number in range(1, 11)])
                assert [answer.split()[-1] for answer in answers] == [
                    "2",
                    "3",
                    "5",
                    "7",
                    "11",
                    "13",
                    "17",
                    "19",
                    "23",
                    "29",
                ]
                assert "404" in await get(port, "/none")
                monkeypatch.setattr(service, "LIMIT", 0.1)
                assert "503" in await get(port, "/100000000")

    asyncio.run(main())


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_pipeline(library: str) -> None:
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    output = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / "pipeline.py", library], capture_output=True, text=True, timeout=50
    )
    assert output.stderr == ""
    assert eval(output.stdout)["quick"] == 5
