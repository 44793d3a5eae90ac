"""Environment variables of other programs, as a notebook, a scheduler or a shell leaves them set.

The package imports this module first: matplotlib and Lightning read theirs as they are imported.
"""

import getpass
import os
import sys
import tempfile
import warnings
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path

from ae_lightning.errors import UserError

RANKS = (
    *("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "JSM_NAMESPACE_RANK"),
    *("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID"),
)
COUNTS = (
    *("WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_PORT"),
    *("SLURM_NTASKS", "SLURM_NTASKS_PER_NODE", "SLURM_NNODES"),
)
PLACE = dict.fromkeys(RANKS, 0) | dict.fromkeys(COUNTS, 1)
"""Numbers by which launchers tell a process its place, and the least that each can be."""

SPEED = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), 1)
DISPLAY = {"COLUMNS": 20, "TERMINAL_WIDTH": 20, "LINES": 1}
"""The same of numbers that decide no result; less, or no number, is as good as none."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
CACHES = {"MPLCONFIGDIR": "matplotlib", "PREFECT_HOME": "prefect", "XDG_CACHE_HOME": "cache"}
"""Variables that place what programs else keep in the home folder, and a folder for each."""

QUIET = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
"""Warnings that Python does not show by itself."""

MODULE = "module://"


def settle() -> None:
    """Make a command, and what it starts, work in the environment that it was started in.

    Figures are drawn to files whatever backend a notebook set; warnings are no errors; servers on
    this machine are reached without a proxy; letters that a terminal lacks are printed as ``?``;
    a home folder that is absent or read-only, as in a container, has one for temporary files in its
    place.

    Raises:
        UserError: a launcher's variable is no number that it can be.
    """
    os.environ["MPLBACKEND"] = "Agg"
    if "error" in os.environ.get("PYTHONWARNINGS", ""):
        del os.environ["PYTHONWARNINGS"]
        warnings.resetwarnings()
        for kind in QUIET:
            warnings.simplefilter("ignore", kind)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    for name, least in (PLACE | SPEED | DISPLAY).items():
        _settle_number(name, least)
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")
    if known.strip() != "*":
        hosts = [host.strip() for host in known.split(",") if host.strip()]
        known = ",".join(dict.fromkeys([*hosts, *LOOPBACK]))
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = known
    os.environ["LOGNAME"] = os.environ.get("LOGNAME") or user()  # DVC asks for it
    _settle_home()


def _settle_home() -> None:
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  Path.home() refuses a user without a name
    if home.is_absolute() and os.access(home, os.W_OK):
        return
    instead = Path(tempfile.gettempdir(), f"ae-lightning-{os.getuid()}")
    instead.mkdir(mode=0o700, exist_ok=True)
    if instead.stat().st_uid != os.getuid():
        raise UserError(f"{instead}: must be your own, found another's; set HOME to a folder")
    if not home.is_dir():
        os.environ["HOME"] = str(instead)
    for variable, folder in CACHES.items():
        os.environ.setdefault(variable, str(instead / folder))


def user() -> str:
    """The user's name; the number of one without a name, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the latter from Python 3.13 on
        return str(os.getuid())


def _settle_number(name: str, least: int) -> None:
    """Unset what is empty, or no number and decides nothing; refuse a place that is no number."""
    text = os.environ.get(name, "").strip()
    numbers = text.split(",") if name in SPEED else [text]  # OpenMP: one for each level
    if all(number.strip().isdecimal() and int(number) >= least for number in numbers):
        return
    if text and name in PLACE:
        raise UserError(f"{name}: must be a whole number from {least}, found {text!r}; unset it")
    os.environ.pop(name, None)


def _drop_absent_backend() -> None:
    """Unset MPLBACKEND where it names what is not installed, which matplotlib refuses."""
    backend = os.environ.get("MPLBACKEND", "").lower()
    if not backend or "matplotlib" in sys.modules:
        return
    try:
        if backend.startswith(MODULE):
            there = find_spec(backend.removeprefix(MODULE)) is not None
        else:
            package = find_spec("matplotlib")
            folder = Path((package and package.origin) or "").parent / "backends"
            there = (folder / f"backend_{backend}.py").exists()
    except (ImportError, ValueError):
        there = False
    if not there:
        del os.environ["MPLBACKEND"]


_drop_absent_backend()
