import hashlib
import http.server
import io
import os
import tarfile
import threading
import time

import pytest

from ae_lightning.data.sources import child, download, npm
from ae_lightning.data.sources.download import SourceError, extract, with_retries
from ae_lightning.errors import UserError

BODY = b"all of it" * 1000
MD5 = hashlib.md5(BODY).hexdigest()


def nothing(done, total):
    pass


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(download, "PAUSE_S", 0)


@pytest.fixture
def server():
    """A server on this machine that behaves as ``server.script`` says, one entry per request."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            kind = self.server.script.pop(0)
            self.send_response(kind if isinstance(kind, int) else 200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            body = {"cut": BODY[:-1], "altered": b"A" + BODY[1:]}.get(kind, BODY)
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.script = []
        running.url = f"http://127.0.0.1:{running.server_port}/file"
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.mark.parametrize("first", ["cut", "altered", 500, 503, 429])
def test_passing_trouble_is_tried_again(server, tmp_path, first):
    server.script = [first, first, "good"]
    seen = []
    with_retries(
        lambda: download.download(
            server.url, tmp_path / "f", MD5, lambda done, total: seen.append((done, total))
        )
    )
    assert (tmp_path / "f").read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))


def test_lasting_trouble_ends_after_three_attempts(server, tmp_path):
    server.script = ["cut"] * 9
    with pytest.raises(SourceError, match=r"ended after 8999 of 9000 bytes, 3 times"):
        with_retries(lambda: download.download(server.url, tmp_path / "f", MD5, nothing))
    assert len(server.script) == 6


def test_a_refusal_is_final(server, tmp_path):
    server.script = [404, "good"]
    with pytest.raises(SourceError, match="answered 404"):
        with_retries(lambda: download.download(server.url, tmp_path / "f", MD5, nothing))
    assert server.script == ["good"]


def test_pauses_double(monkeypatch):
    pauses = []
    monkeypatch.setattr(download, "PAUSE_S", 1.5)
    monkeypatch.setattr(time, "sleep", pauses.append)

    def fail():
        raise SourceError("busy", temporary=True)

    with pytest.raises(SourceError):
        with_retries(fail)
    assert pauses == [1.5, 3.0]


def archive(path, *members):
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, link in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = 4 if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(b"text"))
    return path


def test_plain_archive_is_unpacked(tmp_path):
    extract(archive(tmp_path / "a.tgz", ("package/a", tarfile.REGTYPE, "")), tmp_path / "out")
    assert (tmp_path / "out" / "package" / "a").read_bytes() == b"text"


@pytest.mark.parametrize(
    ("member", "rule"),
    [
        (("../b", tarfile.REGTYPE, ""), "would leave the folder"),
        (("package/../../b", tarfile.REGTYPE, ""), "would leave the folder"),
        (("/b", tarfile.REGTYPE, ""), "would leave the folder"),
        (("b", tarfile.SYMTYPE, "/etc"), "neither a plain file nor a folder"),
        (("b", tarfile.LNKTYPE, "package/a"), "neither a plain file nor a folder"),
        (("b", tarfile.CHRTYPE, ""), "neither a plain file nor a folder"),
        (("b", tarfile.FIFOTYPE, ""), "neither a plain file nor a folder"),
    ],
)
def test_archive_that_reaches_out_is_refused_as_a_whole(tmp_path, member, rule):
    bad = archive(tmp_path / "bad.tgz", ("package/a", tarfile.REGTYPE, ""), member)
    with pytest.raises(UserError, match=f"bad.tgz: member .*{rule}"):
        extract(bad, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.tgz"]


@pytest.mark.parametrize("position", [15, 50, 70])
@pytest.mark.parametrize("cut", [True, False])
def test_damaged_archive(tmp_path, position, cut):
    path = archive(tmp_path / "a.tgz", ("package/a", tarfile.REGTYPE, ""))
    content = bytearray(path.read_bytes())
    content[position] ^= 0xFF
    path.write_bytes(content[:position] if cut else content)
    with pytest.raises(SourceError, match=r"a\.tgz is damaged"):
        extract(path, tmp_path / "out")


@pytest.fixture
def fake_npm(tmp_path, monkeypatch):
    """An ``npm`` first in PATH that runs the shell lines given, with ``$to`` its destination."""

    def install(lines):
        program = tmp_path / "bin" / "npm"
        program.parent.mkdir()
        find = 'while [ "$1" != --pack-destination ]; do shift; done; to=$2\n'
        program.write_text(f"#!/bin/sh\necho x >> {tmp_path}/calls\n{find}{lines}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    (tmp_path / "work").mkdir()
    return install


def pack(tmp_path):
    return with_retries(lambda: npm.npm_pack("toy@1.0.0", 100, tmp_path / "work", nothing))


def calls(tmp_path):
    return (tmp_path / "calls").read_text().count("x")


def test_npm_gives_the_archive_and_no_cache(tmp_path, fake_npm):
    fake_npm('mkdir "$to/cache"; echo packed > "$to/toy-1.0.0.tgz"')
    found = pack(tmp_path)
    assert found.read_text() == "packed\n"
    assert not (found.parent / "cache").exists()


@pytest.mark.parametrize(("code", "times"), [("E404", 1), ("ETARGET", 1), ("ECONNRESET", 3)])
def test_npm_is_asked_again_only_where_that_helps(tmp_path, fake_npm, code, times):
    fake_npm(f"echo 'npm error code {code}' >&2; exit 1")
    with pytest.raises(SourceError, match=f"npm failed with {code}"):
        pack(tmp_path)
    assert calls(tmp_path) == times


def test_npm_on_a_full_disk(tmp_path, fake_npm):
    fake_npm("echo 'npm ERR! code ENOSPC' >&2; exit 1")
    with pytest.raises(OSError, match="No space left on device"):
        pack(tmp_path)
    assert calls(tmp_path) == 1


def test_npm_that_stands_still_is_ended_with_its_children(tmp_path, fake_npm, monkeypatch):
    monkeypatch.setattr(child, "STALL_S", 0.3)
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    fake_npm(f"(sleep 1; touch {tmp_path}/alive) & wait")
    with pytest.raises(SourceError, match="npm stood still at 0 of 100 bytes"):
        pack(tmp_path)
    time.sleep(1)
    assert not (tmp_path / "alive").exists()
