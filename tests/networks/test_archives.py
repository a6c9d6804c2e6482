import hashlib
import http.server
import io
import os
import socket
import sys
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest

from feedback_alignment.networks import archives
from feedback_alignment.networks.archives import DataUnavailableError, OfficialFile
from feedback_alignment.networks.image_files import DataFileError

LETTERS = b"align, then memorise\n" * 5000
ROWS = 40


@pytest.fixture(autouse=True)
def _no_given_data(monkeypatch, tmp_path):
    monkeypatch.delenv("FEEDBACK_ALIGNMENT_DATA", raising=False)
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_CACHE", str(tmp_path / "cache"))
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "127.0.0.1")


@pytest.fixture
def server():
    """A web server: `contents` maps paths to bytes, those in `cut` break off half-way, `requests` lists what came."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            site.requests.append(self.path)
            content = site.contents.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if self.path in site.cut else content)

        def log_message(self, *arguments):
            pass

    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.contents, site.cut, site.requests = {}, set(), []
    site.address = f"http://127.0.0.1:{site.server_port}"
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.shutdown()
    thread.join()
    site.server_close()


@pytest.fixture
def dead_mirror():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


def letters(*mirrors: str) -> OfficialFile:
    return OfficialFile("letters.bin", len(LETTERS), hashlib.sha256(LETTERS).hexdigest(), mirrors)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_download_is_kept_and_not_repeated(server, tmp_path, capsys):
    server.contents["/letters.bin"] = LETTERS
    path = archives.fetch(letters(server.address + "/"), tmp_path / "new" / "folder")
    assert path.read_bytes() == LETTERS
    assert archives.fetch(letters(server.address + "/"), path.parent) == path
    assert server.requests == ["/letters.bin"]
    assert names(path.parent) == ["letters.bin"]
    assert "%|" not in capsys.readouterr().err


def test_a_terminal_shows_the_progress(server, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    server.contents["/letters.bin"] = LETTERS
    archives.fetch(letters(server.address + "/"), tmp_path)
    assert "100%|" in sys.stderr.getvalue()


def test_a_wrong_hash_is_refused_by_name_and_nothing_stays(server, tmp_path):
    server.contents["/letters.bin"] = LETTERS[:-1] + b"!"
    with pytest.raises(DataUnavailableError, match=r"(?s)letters\.bin.*SHA256 hash.*does not match") as refused:
        archives.fetch(letters(server.address + "/"), tmp_path)
    assert letters().sha256 in str(refused.value)
    assert names(tmp_path) == []


def test_the_next_mirror_serves_where_one_is_dead_or_lies(server, dead_mirror, tmp_path):
    server.contents |= {"/wrong/letters.bin": b"something else", "/good/letters.bin": LETTERS}
    mirrors = dead_mirror, f"{server.address}/missing/", f"{server.address}/wrong/", f"{server.address}/good/"
    assert archives.fetch(letters(*mirrors), tmp_path).read_bytes() == LETTERS
    assert server.requests == ["/missing/letters.bin", "/wrong/letters.bin", "/good/letters.bin"]
    assert names(tmp_path) == ["letters.bin"]


def test_a_transfer_that_breaks_off_never_counts_as_present(server, tmp_path):
    server.contents |= {"/a/letters.bin": LETTERS, "/b/letters.bin": LETTERS}
    server.cut.add("/a/letters.bin")
    with pytest.raises(DataUnavailableError, match=r"could not download letters\.bin"):
        archives.fetch(letters(server.address + "/a/"), tmp_path)
    assert names(tmp_path) == []
    assert archives.fetch(letters(server.address + "/a/", server.address + "/b/"), tmp_path).read_bytes() == LETTERS


def test_without_network_the_error_names_the_mirrors_and_the_folder_variable(dead_mirror, tmp_path):
    with pytest.raises(DataUnavailableError) as refused:
        archives.fetch(letters(dead_mirror, dead_mirror + "second/"), tmp_path)
    message = str(refused.value)
    assert "could not download letters.bin (0.1 MB)" in message
    assert f"{dead_mirror}letters.bin: " in message
    assert f"{dead_mirror}second/letters.bin: " in message
    assert "set FEEDBACK_ALIGNMENT_DATA to a folder with mnist/*-ubyte.gz and cifar-10-batches-bin/*.bin" in message


def test_a_damaged_file_in_the_cache_is_removed_and_downloaded_again(server, dead_mirror, tmp_path):
    (tmp_path / "letters.bin").write_bytes(LETTERS[:100])
    with pytest.raises(DataUnavailableError):
        archives.fetch(letters(dead_mirror), tmp_path)
    assert names(tmp_path) == []
    (tmp_path / "letters.bin").write_bytes(LETTERS[:100])
    server.contents["/letters.bin"] = LETTERS
    assert archives.fetch(letters(server.address + "/"), tmp_path).read_bytes() == LETTERS


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataUnavailableError, match=r"cannot use the folder .*file.*set FEEDBACK_ALIGNMENT_CACHE"):
        archives.fetch(letters("http://127.0.0.1/"), tmp_path / "file")


def test_the_official_files_have_two_mirrors_each_and_the_cache_is_the_users(monkeypatch, tmp_path):
    for official in (*archives.MNIST, archives.CIFAR10):
        assert len(set(official.mirrors)) >= 2
        assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in official.mirrors)
        assert len(bytes.fromhex(official.sha256)) == 32
    assert archives.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("FEEDBACK_ALIGNMENT_CACHE")
    assert archives.cache_folder().is_relative_to(Path.home())
    assert archives.cache_folder().name == "feedback-alignment"


# ---- the archive of CIFAR-10 --------------------


def batch(seed: int) -> bytes:
    return np.random.default_rng(seed).bytes(ROWS * 3073)


def official_members() -> list[tuple[tarfile.TarInfo, bytes]]:
    members = [(name, batch(seed)) for seed, name in enumerate(archives.CIFAR10_BATCHES)]
    members[1:1] = [("batches.meta.txt", b"airplane\n"), ("readme.html", b"<html></html>")]
    folder = tarfile.TarInfo("cifar-10-batches-bin/")
    folder.type = tarfile.DIRTYPE
    return [(folder, b""), *(member(f"cifar-10-batches-bin/{name}", content) for name, content in members)]


def member(
    name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, link
    return info, content


def write_archive(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(archives, "CIFAR10_BATCH_BYTES", ROWS * 3073)


@pytest.mark.usefixtures("small_batches")
def test_only_the_six_batches_are_extracted(tmp_path):
    archive = write_archive(tmp_path / "cifar.tar.gz", official_members())
    archives.extract_cifar10(archive, tmp_path / "out")
    assert names(tmp_path / "out") == sorted(["SHA256SUMS", *archives.CIFAR10_BATCHES])
    for seed, name in enumerate(archives.CIFAR10_BATCHES):
        assert (tmp_path / "out" / name).read_bytes() == batch(seed)
        assert f"{hashlib.sha256(batch(seed)).hexdigest()}  {name}\n" in (tmp_path / "out" / "SHA256SUMS").read_text()


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (member("cifar-10-batches-bin/../../escaped.bin", b"x"), "points outside the folder"),
        (member("/etc/escaped", b"x"), "points outside the folder"),
        (member("cifar-10-batches-bin/readme.html", kind=tarfile.SYMTYPE, link="/etc/passwd"), "link or a device"),
        (member("cifar-10-batches-bin/readme.html", kind=tarfile.LNKTYPE, link="test_batch.bin"), "link or a device"),
        (member("cifar-10-batches-bin/fifo", kind=tarfile.FIFOTYPE), "link or a device"),
        (member("cifar-10-batches-bin/extra.bin", b"x"), "does not belong"),
        (member("data_batch_1.bin", b"x"), "does not belong"),
        (member("cifar-10-batches-bin/inner/data_batch_1.bin", b"x"), "does not belong"),
        (member("cifar-10-batches-bin/test_batch.bin", b"x"), f"must have {ROWS * 3073} bytes; got 1"),
        (member("cifar-10-batches-bin/test_batch.bin", batch(0)), "comes twice"),
        (member("cifar-10-batches-bin/readme.html", bytes(1 << 17)), "short text .* 131072 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0].name.rpartition("/")[2],
)
def test_members_that_do_not_belong_are_refused(tmp_path, extra, message):
    archive = write_archive(tmp_path / "cifar.tar.gz", [*official_members(), extra])
    with pytest.raises(DataFileError, match=rf"cifar\.tar\.gz: member '.*{message}"):
        archives.extract_cifar10(archive, tmp_path / "deep" / "out")
    assert names(tmp_path) == ["cifar.tar.gz", "deep"]
    assert set(names(tmp_path / "deep" / "out")) <= set(archives.CIFAR10_BATCHES)


@pytest.mark.usefixtures("small_batches")
def test_an_archive_cut_short_or_incomplete_or_foreign_is_refused(tmp_path):
    archive = write_archive(tmp_path / "cifar.tar.gz", official_members())
    archive.write_bytes(archive.read_bytes()[:300_000])
    with pytest.raises(DataFileError, match=r"cifar\.tar\.gz: not a whole tar\.gz archive .* download it again"):
        archives.extract_cifar10(archive, tmp_path / "out")
    assert "SHA256SUMS" not in names(tmp_path / "out")
    write_archive(archive, official_members()[:-1])
    with pytest.raises(DataFileError, match=r"lacks test_batch\.bin"):
        archives.extract_cifar10(archive, tmp_path / "out")
    archive.write_bytes(b"not an archive")
    with pytest.raises(DataFileError, match=r"not a whole tar\.gz archive"):
        archives.extract_cifar10(archive, tmp_path / "out")


@pytest.mark.usefixtures("small_batches")
def test_cifar10_is_downloaded_extracted_once_and_mended_when_altered(server, tmp_path, monkeypatch):
    content = write_archive(tmp_path / "made.tar.gz", official_members()).read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(archives, "CIFAR10", OfficialFile("c.tar.gz", len(content), sha256, (server.address + "/",)))
    server.contents["/c.tar.gz"] = content
    paths, source = archives.cifar10_files()
    assert list(paths) == list(archives.CIFAR10_BATCHES)
    assert source["origin"] == "official archives"
    assert source["official SHA-256 of c.tar.gz"] == sha256
    assert "as extracted from an archive that had the official SHA-256" in source["agreement"]
    paths["data_batch_3.bin"].write_bytes(b"altered")
    written = paths["data_batch_1.bin"].stat().st_mtime_ns
    again, _ = archives.cifar10_files()
    assert again["data_batch_3.bin"].read_bytes() == batch(2)
    assert again["data_batch_1.bin"].stat().st_mtime_ns > written
    third, _ = archives.cifar10_files()
    assert third["data_batch_1.bin"].stat().st_mtime_ns == again["data_batch_1.bin"].stat().st_mtime_ns
    assert server.requests == ["/c.tar.gz"]


@pytest.mark.usefixtures("small_batches")
def test_a_full_disk_leaves_no_half_written_batch(tmp_path, monkeypatch):
    archive = write_archive(tmp_path / "cifar.tar.gz", official_members())

    def full_disk(descriptor):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space left"):
        archives.extract_cifar10(archive, tmp_path / "out")
    assert names(tmp_path / "out") == []


# ---- the given folder --------------------


def test_a_given_folder_that_is_missing_or_incomplete_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataUnavailableError, match=r"FEEDBACK_ALIGNMENT_DATA names '.*nowhere', which is not a folder"):
        archives.mnist_files()
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_DATA", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    for official in archives.MNIST[:3]:
        (tmp_path / "mnist" / official.name).touch()
    with pytest.raises(DataUnavailableError, match=r"mnist lacks t10k-labels-idx1-ubyte\.gz: add them, or unset it"):
        archives.mnist_files()
    with pytest.raises(DataUnavailableError, match=r"cifar-10-batches-bin lacks data_batch_1\.bin, data_batch_2"):
        archives.cifar10_files()


def test_differences_from_the_official_files_are_reported_not_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_DATA", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    (tmp_path / "cifar-10-batches-bin").mkdir()
    for official in archives.MNIST:
        (tmp_path / "mnist" / official.name).write_bytes(b"other")
    for name in archives.CIFAR10_BATCHES:
        (tmp_path / "cifar-10-batches-bin" / name).write_bytes(b"other")
    other = hashlib.sha256(b"other").hexdigest()
    _, source = archives.mnist_files()
    assert source["origin"] == "folder given by FEEDBACK_ALIGNMENT_DATA"
    assert source["agreement"] == f"not the official files: {', '.join(official.name for official in archives.MNIST)}"
    for official in archives.MNIST:
        assert source[f"SHA-256 of {official.name}"] == other
        assert source[f"official SHA-256 of {official.name}"] == official.sha256
    monkeypatch.setattr(archives, "MNIST", tuple(OfficialFile(o.name, 5, other, o.mirrors) for o in archives.MNIST))
    assert archives.mnist_files()[1]["agreement"] == "the official files"
    _, source = archives.cifar10_files()
    assert source["SHA-256 of test_batch.bin"] == other
    assert source["agreement"].startswith("unknown: the official SHA-256 is that of the archive")
    assert not any(str(tmp_path) in text for text in source.values())


def test_data_available_says_where_each_set_is_or_that_it_is_missing(tmp_path, monkeypatch):
    found = archives.data_available()
    assert list(found) == ["digits", "mnist", "cifar10"]
    assert found["digits"].startswith("in scikit-learn ")
    assert found["mnist"] == "missing: downloaded when first needed (12 MB), or set FEEDBACK_ALIGNMENT_DATA"
    assert found["cifar10"] == "missing: downloaded when first needed (170 MB), or set FEEDBACK_ALIGNMENT_DATA"
    assert not (tmp_path / "cache").exists()
    for root in (tmp_path / "cache", tmp_path / "given"):
        (root / "mnist").mkdir(parents=True)
        for official in archives.MNIST:
            (root / "mnist" / official.name).touch()
    assert archives.data_available()["mnist"] == f"in {tmp_path / 'cache' / 'mnist'}"
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_DATA", str(tmp_path / "given"))
    assert archives.data_available()["mnist"] == f"in {tmp_path / 'given' / 'mnist'}"
    assert "missing: FEEDBACK_ALIGNMENT_DATA is set, but" in archives.data_available()["cifar10"]
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_DATA", str(tmp_path / "nowhere"))
    assert "which is not a folder" in archives.data_available()["cifar10"]
