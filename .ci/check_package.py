"""Checks what users install: ``check_package.py DIST`` looks at the wheel in DIST, installs it and uses it.

Exits with an AssertionError, or the failing command's status, when something is wrong.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "ai_transport_codecs"

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
    run(python, "-m", "pip", "install", "--quiet", f"{wheel}[all]")
    run(python, "-W", "error", "-c", USE_WITH_EXTRAS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
