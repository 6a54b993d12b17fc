"""Checks what users install: ``check_package.py DIST`` looks at the wheel in DIST, installs it and uses it.

Exits with an AssertionError, or the failing command's status, when something is wrong.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import venv
import zipfile
from email.parser import Parser
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).parent.parent
PACKAGE = "ai_transport_codecs"
PAGE = f"{PACKAGE}/cli/web/page"
LICENCES = f"{PAGE}/THIRD-PARTY-LICENSES.txt"
BUNDLED = ("@ably/ai-transport", "@ai-sdk/react", "ably", "ai", "react", "react-dom", "react-markdown")

USE_WITHOUT_EXTRAS = """
import sys
import ai_transport_codecs
from ai_transport_codecs import MissingExtraError, get_codec, installed_codecs
names = [codec.name for codec in installed_codecs()]
assert "langchain" in names, names
for name in names:
    try:
        get_codec(name)
    except MissingExtraError as error:
        assert f"pip install 'ai-transport-codecs[" in str(error), error
print("without extras:", ai_transport_codecs.__version__, *names)
"""

USE_WITH_EXTRAS = """
from ai_transport_codecs import get_codec, installed_codecs
for codec in installed_codecs():
    assert get_codec(codec.name).name == codec.name
    print("loaded:", codec.name, "from", codec.target)
"""


def main(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    (sdist,) = dist.glob("*.tar.gz")
    check_contents(wheel)
    check_page(wheel)
    check_metadata(wheel)
    with tempfile.TemporaryDirectory() as folder:
        check_in_use(wheel, Path(folder))
    print(f"{wheel.name} and {sdist.name} are fit to be used")


def check_contents(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tracked = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / PACKAGE).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == tracked, f"wheel and source differ: {sorted(packed ^ tracked)}"
    assert f"{PACKAGE}/py.typed" in packed


def check_page(wheel: Path) -> None:
    """The page is there, with the licences of what is in it."""
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
        assert {f"{PAGE}/index.html", f"{PAGE}/demo.html", LICENCES} <= packed, f"{wheel.name} has no page"
        page = archive.read(f"{PAGE}/index.html").decode()
        licences = archive.read(LICENCES).decode()
    wanted = {f"{PAGE}/{name}" for name in re.findall(r'(?:src|href)="\./([^"]+)"', page)}
    assert wanted <= packed, f"the page needs {sorted(wanted - packed)}"
    named = set(re.findall(r"^Name: (.+)$", licences, re.MULTILINE))
    assert named >= set(BUNDLED), f"no licence of {sorted(set(BUNDLED) - named)}"
    assert "Apache License" in licences
    assert "MIT License" in licences


def check_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = {name.partition(".dist-info/")[2]: name for name in archive.namelist() if ".dist-info/" in name}
        metadata = Parser().parsestr(archive.read(files["METADATA"]).decode())
        entry_points = archive.read(files["entry_points.txt"]).decode()
    assert "licenses/LICENSE" in files
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert not required, f"the package itself must need nothing, but requires {required}"
    assert "ai-transport = ai_transport_codecs.cli.main:main" in entry_points
    assert "[ai_transport_codecs.codecs]" in entry_points


def check_in_use(wheel: Path, folder: Path) -> None:
    """Run from ``folder``, so that the source tree is not what is imported."""
    venv.create(folder / "venv", with_pip=True)
    scripts = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    python = str(scripts / "python")

    def run(*command: str) -> None:
        subprocess.run(command, check=True, cwd=folder)

    run(python, "-m", "pip", "install", "--quiet", str(wheel))
    run(str(scripts / "ai-transport"), "--help")
    run(python, "-c", USE_WITHOUT_EXTRAS)
    run(*installer(python), f"{wheel}[all]")
    run(python, "-W", "error", "-c", USE_WITH_EXTRAS)
    check_web_demo(str(scripts / "ai-transport"), folder)


def installer(python: str) -> list[str]:
    """The command that installs into the environment of ``python``: uv's if tox has it, which is the faster one."""
    uv = os.environ.get("TOX_INSTALL")
    return [*shlex.split(uv), "--python", python] if uv else [python, "-m", "pip", "install", "--quiet"]


def check_web_demo(program: str, folder: Path) -> None:
    """The installed command serves its page, and ends when it is asked to."""
    demo = subprocess.Popen([program, "demo", "--web", "--port", "0"], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert demo.stdout is not None
        url = demo.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), f"`ai-transport demo --web` printed {url!r}"
        with urlopen(f"{url}?client=alice", timeout=30) as answer:  # noqa: S310  # our own, see above
            assert '<div id="root">' in answer.read().decode()
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(30) == 0
    finally:
        demo.kill()
    print("web demo:", url)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
