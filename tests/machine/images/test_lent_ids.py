"""A root inside for ordinary users, of ids that the system lends: see `lent_tour.py`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.machine.images.conftest import Entry, Layout, tar_of, tar_tree
from tests.machine.test_unprivileged import SPARE, interpreter, place

import agentos

__all__ = ["interpreter", "place"]

TOUR = Path(__file__).with_name("lent_tour.py")
LEND = Path(__file__).parents[2] / "data/with_lent_ids.sh"
FIRST, COUNT = 300_000, 65_536

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root lends ids to a user for a test"),
    pytest.mark.skipif(
        shutil.which("newuidmap") is None, reason="needs: sudo apt-get install uidmap"
    ),
]

needs_mmdebstrap = pytest.mark.skipif(
    shutil.which("mmdebstrap") is None, reason="needs: sudo apt-get install mmdebstrap"
)


class Borrower:
    """An ordinary user to whom ids are lent.

    Args:
        place: A directory with the package, the tour and the user's own data.
        python: The interpreter.
    """

    def __init__(self, place: Path, python: str) -> None:
        self.place = place
        self.python = python

    def plays(
        self,
        scene: str,
        *arguments: str,
        user: int = SPARE,
        first: int = FIRST,
        count: int = COUNT,
        through: tuple[str, ...] = (),
        before: str = ":",
    ) -> None:
        """Play a scene of the tour, which has to go as it should."""
        setting = ["unshare", "-m", "sh", "-c", f'{before}; exec "$@"', "sh", "sh", str(LEND)]
        identity = [str(number) for number in (user, first, count)]
        words = [self.python, "-W", "error", str(self.place / "tour.py"), scene, *arguments]
        done = subprocess.run(
            [*setting, *identity, *through, *words],
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "PYTHONPATH": str(self.place / "src"),
                "PYTHONDONTWRITEBYTECODE": "1",
                "AGENTOS_DATA_DIR": str(self.place / "data"),
                **{name: value for name, value in os.environ.items() if name.endswith("_proxy")},
            },
            cwd=self.place / "data",
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout) == (0, f"{scene} as user {user}\n"), done.stderr

    def leftovers(self) -> list[str]:
        """What belongs to somebody else in the user's data and where builds are made."""
        return [
            str(path)
            for top in (self.place, Path("/tmp"))
            for path in top.glob("**/*" if top == self.place else "agentos-build-*/*")
            if FIRST <= path.lstat().st_uid < FIRST + COUNT
        ]


@pytest.fixture
def borrower(place: Path, interpreter: str) -> Iterator[Borrower]:
    """The user; nothing of the ids lent is left afterwards."""
    assert agentos.__file__
    package = Path(agentos.__file__).parent
    shutil.copytree(package, place / "src/agentos", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TOUR, place / "tour.py")
    user = Borrower(place, interpreter)
    yield user
    assert user.leftovers() == []


@pytest.fixture
def packed(place: Path, programs: list[Entry]) -> str:
    """An image of two layers with files of several users."""
    owner = (33, 44)
    private = [Entry("srv/private", mode=0o700), Entry("srv/private/inner", b"i", mode=0o600)]
    lower = [*programs, Entry("srv", owner=owner), Entry("srv/gone", b"", mode=0), *private]
    upper = [Entry("srv/.wh.gone", b""), Entry("srv/upper", b"u", owner=owner)]
    layout = Layout(place / "layout")
    layout.index(layout.image([tar_of(*lower), tar_of(*upper)]))
    return str(tar_tree(layout.root, place / "image.tar"))


def test_owners_of_files_in_images_snapshots_and_forks(borrower: Borrower, packed: str) -> None:
    borrower.plays("images", packed)


@pytest.mark.parametrize("scene", ["host", "mounts"])
def test_machines_with_a_root(borrower: Borrower, scene: str) -> None:
    borrower.plays(scene)


@needs_mmdebstrap
def test_a_build_that_is_given_up(borrower: Borrower) -> None:
    borrower.plays("cancelled")


@needs_mmdebstrap
def test_packages_are_installed_in_an_image_that_was_built(borrower: Borrower) -> None:
    borrower.plays("built")


def test_the_range_has_changed(borrower: Borrower, packed: str) -> None:
    borrower.plays("keep", packed)
    borrower.plays("other_range", first=600_000)
    borrower.plays("mounts")  # which removes what could not be removed


def test_two_users_do_not_mix(borrower: Borrower, packed: str) -> None:
    borrower.plays("keep", packed)
    subprocess.run(["chmod", "-R", "go+rwX", borrower.place / "data"], check=True)
    borrower.plays("other_user", user=SPARE + 1, first=600_000)
    borrower.plays("mounts")


@pytest.mark.parametrize("count", [0, 1000])
def test_too_few_ids_are_lent(borrower: Borrower, count: int) -> None:
    borrower.plays("refused", "sudo usermod --add-subuids", count=count)


def test_newuidmap_is_not_installed(borrower: Borrower) -> None:
    hidden = "mount --bind /dev/null /usr/bin/newuidmap"
    borrower.plays("refused", "sudo apt-get install uidmap", before=hidden)


def test_newuidmap_is_refused(borrower: Borrower, packed: str) -> None:
    """As in a container that may not map them, whatever its files in /etc say."""
    refusing = borrower.place / "newuidmap"
    refusing.write_text("#!/bin/sh\necho newuidmap: write to uid_map failed >&2; exit 1\n")
    refusing.chmod(0o755)
    refused = f"mount --bind {refusing} /usr/bin/newuidmap"
    borrower.plays("one_id", packed, "newuidmap: write to uid_map failed", before=refused)


def test_no_privileges_can_be_gained(borrower: Borrower) -> None:
    borrower.plays("refused", "no_new_privs", through=("setpriv", "--no-new-privs"))
