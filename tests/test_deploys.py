"""What a host is given says nothing wrong: files parse, settings and commands are real, and the checks in them work."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.conftest import ROOT, Server, wait_until
from wallboard.__main__ import main
from wallboard.settings import Settings

SETTINGS = {str(field.validation_alias) for field in Settings.model_fields.values()}
PYTHONS_OWN = {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PIP_NO_CACHE_DIR", "PIP_DISABLE_PIP_VERSION_CHECK"}
COMMAND = re.compile(r"python[\d.]* -m wallboard (.*)")
UNIT = ROOT / "deploy" / "wallboard.service"


def read(name: str) -> str:
    return (ROOT / name).read_text()


def procfile() -> dict[str, str]:
    return dict(line.split(": ", 1) for line in read("Procfile").splitlines())


def fly() -> dict[str, object]:
    return tomllib.loads(read("fly.toml"))


def unit() -> list[tuple[str, str]]:
    """(name, value) of each line of the unit; names may come more than once."""
    lines = (line for line in UNIT.read_text().splitlines() if line and not line.startswith(("#", "[")))
    return [(name, value) for name, _, value in (line.partition("=") for line in lines)]


def of_unit(name: str) -> list[str]:
    return [value for known, value in unit() if known == name]


def dockerfile(instruction: str) -> list[str]:
    """What stands behind each such instruction, continued lines joined."""
    lines = read("Dockerfile").replace("\\\n", " ").splitlines()
    return [line.removeprefix(f"{instruction} ").strip() for line in lines if line.startswith(f"{instruction} ")]


def told() -> dict[str, set[str]]:
    """The names of all variables that each file sets."""
    return {
        "app.json": set(json.loads(read("app.json"))["env"]),
        "render.yaml": set(re.findall(r"^ +- key: (\w+)", read("render.yaml"), re.MULTILINE)),
        "fly.toml": set(fly()["env"]),  # type: ignore[call-overload]
        "Dockerfile": {pair.split("=")[0] for line in dockerfile("ENV") for pair in line.split()},
        "the unit": {pair.split("=")[0] for line in of_unit("Environment") for pair in line.split()},
        "environment.example": set(re.findall(r"^(?:# )?([A-Z_]+)=", read("deploy/environment.example"), re.MULTILINE)),
    }


COMMANDS = [
    *(COMMAND.fullmatch(line) for line in procfile().values()),
    *(COMMAND.search(line) for line in re.findall(r"(?:start|preDeploy)Command: (.*)", read("render.yaml"))),
    COMMAND.fullmatch(str(fly()["deploy"]["release_command"])),  # type: ignore[index]
    COMMAND.fullmatch(" ".join(json.loads(dockerfile("CMD")[0]))),
    *(COMMAND.search(value) for name, value in unit() if name.startswith("Exec")),
]


@pytest.mark.parametrize(("where", "names"), told().items(), ids=told())
def test_every_variable_is_a_setting(where: str, names: set[str]) -> None:
    assert names
    assert names <= SETTINGS | PYTHONS_OWN, where


@pytest.mark.parametrize("found", COMMANDS)
def test_every_command_is_one_of_ours_with_options_that_it_has(found: re.Match[str] | None) -> None:
    assert found
    name, *arguments = shlex.split(found[1])
    command = main.commands[name]
    with command.make_context(name, arguments) as context:
        assert context.params.get("keep_alive", 95) == 95


def test_heroku_is_asked_for_a_database_secrets_and_a_dyno_that_does_not_sleep() -> None:
    app = json.loads(read("app.json"))
    assert app["addons"] == ["heroku-postgresql:essential-0"]
    assert app["formation"]["web"]["size"] != "eco"
    secret = {name for name, about in app["env"].items() if about.get("generator") == "secret"}
    assert secret == {"WALLBOARD_PBX_TOKENS", "WALLBOARD_API_TOKENS", "WALLBOARD_SECRET_KEY"}
    assert all(about["description"] for about in app["env"].values())


def test_the_release_step_migrates_everywhere() -> None:
    assert procfile()["release"] == "python -m wallboard migrate"
    assert f"preDeployCommand: {procfile()['release']}" in read("render.yaml")
    assert f"startCommand: {procfile()['web']}" in read("render.yaml")
    assert fly()["deploy"]["release_command"] == procfile()["release"]  # type: ignore[index]


def test_fly_never_stops_a_machine_and_asks_where_the_server_listens() -> None:
    service, port = fly()["http_service"], fly()["env"]["PORT"]  # type: ignore[index]
    assert service["auto_stop_machines"] == "off"  # type: ignore[index]
    assert service["internal_port"] == int(port)  # type: ignore[index]
    assert service["checks"][0]["path"] == "/readyz"  # type: ignore[index]


def test_dokku_waits_for_the_journal() -> None:
    (check,) = json.loads(read("deploy/dokku.json"))["healthchecks"]["web"]
    assert (check["type"], check["path"]) == ("startup", "/readyz")


def test_the_image_holds_what_the_server_needs_and_nothing_else(tmp_path: Path) -> None:
    kept = [line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")]
    copied = [word for line in dockerfile("COPY") for word in line.split()[:-1]]
    assert sorted(kept) == sorted(copied)
    assert not any(fnmatch(name, pattern) for name in (".env", "wallboard.db", ".git", "tests") for pattern in kept)
    for name in kept:
        source = ROOT / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path / name)
    (tmp_path / ".env").write_text("WALLBOARD_PBX_TOKENS=a-token-for-the-image\n")
    done = subprocess.run(
        [ROOT / ".venv/bin/python", "-m", "wallboard", "check"],
        cwd=tmp_path, env={"DATABASE_URL": f"sqlite:///{tmp_path}/w.db"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_image_runs_as_nobody_in_particular_and_in_exec_form() -> None:
    assert dockerfile("USER") == ["10001:10001"]
    assert all(isinstance(json.loads(line), list) for line in (*dockerfile("CMD"), *dockerfile("RUN")))


def test_the_images_health_check_tells_a_server_that_answers_from_one_that_is_gone(server: Server) -> None:
    _, _, command = dockerfile("HEALTHCHECK")[0].partition("CMD ")
    program = [str(ROOT / ".venv/bin/python"), *json.loads(command)[1:]]

    def ask() -> int:
        return subprocess.run(program, env={"PORT": str(server.port)}, capture_output=True, check=False).returncode

    assert ask() == 0
    server.stop()
    assert ask() != 0


# --- a plain server ------------------------------------------------------------------------------------


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    assert analyze, "no systemd-analyze: apt-get install systemd"
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt" / "python").symlink_to(ROOT / ".venv/bin/python")
    here = UNIT.read_text().replace("/opt/wallboard/.venv/bin/python", f"{tmp_path}/opt/python")
    (tmp_path / "wallboard.service").write_text(here.replace("/opt/wallboard", str(tmp_path)))
    command = [analyze, "verify", "--man=no", str(tmp_path / "wallboard.service")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_server_asks_the_kernel_for_nothing_that_the_unit_forbids(tmp_path: Path) -> None:
    """Its start, a webhook, a stream and its end, under strace."""
    strace, analyze = shutil.which("strace"), shutil.which("systemd-analyze")
    assert strace
    assert analyze
    log = tmp_path / "strace"
    server = Server(tmp_path, wrapper=[strace, "-D", "-f", "-o", str(log)]).start()
    assert server.post({"event": "x"}).status_code == 200
    with server.client.stream("GET", "/boards/main/stream") as stream:
        next(stream.iter_bytes())
    server.stop()
    server.close()
    wait_until(lambda: "+++ killed" in log.read_text(errors="replace")[-200:], "strace has written everything")
    lines = log.read_text(errors="replace").splitlines()
    # fchown is SQLite, which asks for it only where it runs as root.
    asked = {found[1] for line in lines if (found := re.match(r"\d+ +(\w+)\(", line))} - {"fchown"}
    allowed = syscalls(analyze, "@system-service") - syscalls(analyze, "@privileged")
    assert asked
    assert asked - allowed == set()
    assert [line for line in lines if "PROT_WRITE|PROT_EXEC" in line or "PROT_EXEC|PROT_WRITE" in line] == []


def syscalls(analyze: str, name: str) -> set[str]:
    """The calls of one of systemd's groups, and of those that it names."""
    said = subprocess.run([analyze, "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    words = {line.strip() for line in said.splitlines()[1:] if line.strip() and not line.strip().startswith("#")}
    groups = {word for word in words if word.startswith("@")}
    return (words - groups).union(*(syscalls(analyze, group) for group in groups))


def test_the_example_of_an_environment_starts_a_server_once_it_has_a_secret(tmp_path: Path) -> None:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string("[all]\n" + read("deploy/environment.example"))
    given = dict(parser["all"])
    assert given.pop("WALLBOARD_PBX_TOKENS") == ""
    server = Server(tmp_path, **given)
    assert server.run("check").returncode == 0
    server.close()


def test_caddy_holds_no_stream_back_and_lets_go_of_connections_before_the_server_does() -> None:
    text = read("deploy/Caddyfile")
    assert "flush_interval -1" in text
    assert "encode" not in text
    kept = re.search(r"keepalive (\d+)s", text)
    assert kept
    assert int(kept[1]) < 95
