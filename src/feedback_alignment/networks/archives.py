"""Where the official MNIST and CIFAR-10 files come from.

Either a folder of the reader's, named by the environment variable FEEDBACK_ALIGNMENT_DATA, with `mnist/*-ubyte.gz` and
`cifar-10-batches-bin/*.bin`; or the official archives, downloaded once into a cache of the user's (another place with
FEEDBACK_ALIGNMENT_CACHE) and used only while their SHA-256 is the official one. Nothing here unpickles anything.
"""

import gzip
import hashlib
import importlib.metadata
import os
import sys
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from feedback_alignment import atomic
from feedback_alignment.networks.image_files import CIFAR10_BATCH_BYTES, DataFileError

DATA_VARIABLE = "FEEDBACK_ALIGNMENT_DATA"
CACHE_VARIABLE = "FEEDBACK_ALIGNMENT_CACHE"


class DataUnavailableError(OSError):
    """A data set is neither in the given folder nor in the cache, and could not be downloaded."""


@dataclass(frozen=True)
class OfficialFile:
    """A published file: its size in bytes, its SHA-256, and the addresses of the folders that serve it."""

    name: str
    size: int
    sha256: str
    mirrors: tuple[str, ...]


_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
MNIST = tuple(
    OfficialFile(name, size, sha256, _MNIST_MIRRORS)
    for name, size, sha256 in (
        ("train-images-idx3-ubyte.gz", 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        ("train-labels-idx1-ubyte.gz", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        ("t10k-images-idx3-ubyte.gz", 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        ("t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    )
)
CIFAR10 = OfficialFile(
    "cifar-10-binary.tar.gz",
    170052171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    (
        "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
        "https://www.cs.toronto.edu/~kriz/",
    ),
)
CIFAR10_FOLDER = "cifar-10-batches-bin"
CIFAR10_BATCHES = (*(f"data_batch_{batch}.bin" for batch in range(1, 6)), "test_batch.bin")
_CIFAR10_TEXTS = ("batches.meta.txt", "readme.html")
_SUMS = "SHA256SUMS"


def cache_folder() -> Path:
    """Return the folder that keeps downloads: FEEDBACK_ALIGNMENT_CACHE, else the user's cache on this system."""
    import pooch

    return Path(os.environ.get(CACHE_VARIABLE) or pooch.os_cache("feedback-alignment")).expanduser().absolute()


def given_folder() -> Path | None:
    """Return the folder that FEEDBACK_ALIGNMENT_DATA names, or None where it is unset or empty.

    Raises DataUnavailableError if there is no such folder.
    """
    named = os.environ.get(DATA_VARIABLE)
    if not named:
        return None
    folder = Path(named).expanduser().absolute()
    if not folder.is_dir():
        raise DataUnavailableError(
            f"{DATA_VARIABLE} names {named!r}, which is not a folder: correct it, or unset it to download the data"
        )
    return folder


def fetch(official: OfficialFile, folder: Path) -> Path:
    """Return the path of `official` inside `folder`, downloaded unless it is there already with the official SHA-256.

    The mirrors are tried in turn. A download is written under a temporary name and gets its own only when its hash is
    right; a file in `folder` whose hash is wrong is removed. A terminal on stderr shows the progress.

    Raises DataUnavailableError, with what every mirror answered, if none gave the file.
    """
    import pooch

    path = folder / official.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            if _sha256(path) == official.sha256:
                return path
            path.unlink()
    except OSError as error:
        raise DataUnavailableError(
            f"cannot use the folder {folder} for downloads ({error}): set {CACHE_VARIABLE} to a folder you can write to"
        ) from error
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=1 << 16, timeout=30)
    answers = []
    for mirror in official.mirrors:
        try:
            pooch.retrieve(
                mirror + official.name,
                known_hash=f"sha256:{official.sha256}",
                fname=official.name,
                path=folder,
                downloader=downloader,
            )
            return path
        except (OSError, ValueError) as error:
            answers.append(f"  {mirror}{official.name}: {error}")
    raise DataUnavailableError(
        f"could not download {official.name} ({official.size / 1e6:.1f} MB); tried\n"
        + "\n".join(answers)
        + f"\nCheck the network, or set {DATA_VARIABLE} to a folder with mnist/*-ubyte.gz and {CIFAR10_FOLDER}/*.bin"
    )


def extract_cifar10(archive: Path, folder: Path) -> None:
    """Write the six batches of the archive into `folder`, each whole or not at all, and last their SHA256SUMS.

    Nothing else is written. Raises DataFileError for an archive that is damaged or holds a link, a path of its own, a
    member that does not belong or has another size, the same batch twice, or not all batches.
    """
    hashes: dict[str, str] = {}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _SUMS).unlink(missing_ok=True)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                name = _member_name(member, archive)
                if name not in CIFAR10_BATCHES:
                    continue
                if name in hashes:
                    raise DataFileError(f"{archive.name}: member {member.name!r} comes twice")
                stream = tar.extractfile(member)
                content = stream.read() if stream else b""
                hashes[name] = hashlib.sha256(content).hexdigest()
                atomic.write_bytes(folder / name, content)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataFileError(f"{archive.name}: not a whole tar.gz archive ({error}): download it again") from error
    missing = [name for name in CIFAR10_BATCHES if name not in hashes]
    if missing:
        raise DataFileError(f"{archive.name}: lacks {', '.join(missing)}")
    atomic.write_bytes(folder / _SUMS, "".join(f"{hashes[name]}  {name}\n" for name in CIFAR10_BATCHES).encode())


def _member_name(member: tarfile.TarInfo, archive: Path) -> str:
    """Return a member's name inside the archive's one folder, or raise DataFileError if it does not belong there."""
    where = f"{archive.name}: member {member.name!r}"
    folder, _, name = member.name.partition("/")
    if member.name.startswith("/") or ".." in member.name.split("/"):
        raise DataFileError(f"{where} points outside the folder it is extracted to")
    if folder == CIFAR10_FOLDER and not name and member.isdir():
        return name
    if not member.isreg():
        raise DataFileError(f"{where} is a link or a device, not a plain file")
    if folder != CIFAR10_FOLDER or name not in (*CIFAR10_BATCHES, *_CIFAR10_TEXTS):
        raise DataFileError(f"{where} does not belong in the official archive")
    if name in CIFAR10_BATCHES and member.size != CIFAR10_BATCH_BYTES:
        raise DataFileError(f"{where} must have {CIFAR10_BATCH_BYTES} bytes; got {member.size}")
    if name in _CIFAR10_TEXTS and member.size > 1 << 16:
        raise DataFileError(f"{where} is a short text in the official archive; here it has {member.size} bytes")
    return name


def mnist_files() -> tuple[dict[str, Path], dict[str, str]]:
    """Return the paths of MNIST's four files by name, downloaded where no folder is given, and their provenance.

    Raises DataUnavailableError where the files are missing.
    """
    given = given_folder()
    folder = (given or cache_folder()) / "mnist"
    if given:
        _require(folder, tuple(official.name for official in MNIST))
    paths = {official.name: folder / official.name if given else fetch(official, folder) for official in MNIST}
    hashes = {name: _sha256(path) for name, path in paths.items()}
    different = [official.name for official in MNIST if hashes[official.name] != official.sha256]
    source = {"origin": _origin(given)}
    for official in MNIST:
        source[f"SHA-256 of {official.name}"] = hashes[official.name]
        source[f"official SHA-256 of {official.name}"] = official.sha256
    source["agreement"] = f"not the official files: {', '.join(different)}" if different else "the official files"
    return paths, source


def cifar10_files() -> tuple[dict[str, Path], dict[str, str]]:
    """Return the paths of CIFAR-10's six batches by name, downloaded where no folder is given, and their provenance.

    An official hash exists of the archive only, not of the batches in it, and the provenance says so.

    Raises DataUnavailableError where the files are missing and DataFileError for an archive that `extract_cifar10`
    refuses.
    """
    given = given_folder()
    folder = (given or cache_folder()) / CIFAR10_FOLDER
    if given:
        _require(folder, CIFAR10_BATCHES)
        agreement = "unknown: the official SHA-256 is that of the archive, and none is known of the batches in it"
    else:
        if not _as_extracted(folder):
            extract_cifar10(fetch(CIFAR10, cache_folder()), folder)
        agreement = "the batches are as extracted from an archive that had the official SHA-256"
    paths = {name: folder / name for name in CIFAR10_BATCHES}
    source = {"origin": _origin(given), f"official SHA-256 of {CIFAR10.name}": CIFAR10.sha256}
    source |= {f"SHA-256 of {name}": _sha256(path) for name, path in paths.items()}
    source["agreement"] = agreement
    return paths, source


def data_available() -> dict[str, str]:
    """Say in words, for 'digits', 'mnist' and 'cifar10', where the data set is or that it is missing.

    Looks for the names of files only: nothing is downloaded or read.
    """
    try:
        digits = f"in scikit-learn {importlib.metadata.version('scikit-learn')}"
    except importlib.metadata.PackageNotFoundError:
        digits = "missing: install scikit-learn"
    try:
        given = given_folder()
    except DataUnavailableError as error:
        return {"digits": digits, "mnist": f"missing: {error}", "cifar10": f"missing: {error}"}
    found = {"digits": digits}
    for name, folder_name, names, size in (
        ("mnist", "mnist", tuple(official.name for official in MNIST), sum(official.size for official in MNIST)),
        ("cifar10", CIFAR10_FOLDER, CIFAR10_BATCHES if given else (*CIFAR10_BATCHES, _SUMS), CIFAR10.size),
    ):
        folder = (given or cache_folder()) / folder_name
        missing = ", ".join(_missing(folder, names))
        if not missing:
            found[name] = f"in {folder}"
        elif given:
            found[name] = f"missing: {DATA_VARIABLE} is set, but {folder} lacks {missing}"
        else:
            found[name] = f"missing: downloaded when first needed ({size / 1e6:.0f} MB), or set {DATA_VARIABLE}"
    return found


def _origin(given: Path | None) -> str:
    return f"folder given by {DATA_VARIABLE}" if given else "official archives"


def _missing(folder: Path, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if not (folder / name).is_file()]


def _require(folder: Path, names: tuple[str, ...]) -> None:
    missing = _missing(folder, names)
    if missing:
        raise DataUnavailableError(
            f"{DATA_VARIABLE} is set, but {folder} lacks {', '.join(missing)}: add them, or unset it to download them"
        )


def _as_extracted(folder: Path) -> bool:
    """Tell whether the batches in `folder` are all there and unchanged since the archive was extracted."""
    if _missing(folder, (*CIFAR10_BATCHES, _SUMS)):
        return False
    sums = "".join(f"{_sha256(folder / name)}  {name}\n" for name in CIFAR10_BATCHES)
    return (folder / _SUMS).read_bytes() == sums.encode()


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
