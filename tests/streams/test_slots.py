"""A worker slot belongs to one process and is free as soon as that one is dead, however it died."""

import subprocess
import sys
from pathlib import Path

from streams.slots import Slot

_OWNER = """
import sys
from pathlib import Path
from streams.slots import Slot
slot = Slot(Path(sys.argv[1]))
print(slot.number, flush=True)
sys.stdin.read()
"""


def test_a_slot_is_free_when_its_owner_dies(tmp_path: Path) -> None:
    slots = tmp_path / "slots" / "x"
    command = [sys.executable, "-c", _OWNER, str(slots)]
    first = Slot(slots)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert (first.number, owner.stdout.readline()) == (0, "1\n")
        third = Slot(slots)
        assert third.number == 2
        owner.kill()
        owner.wait()
        successor = Slot(slots)
        assert successor.number == 1, "the restarted worker finds its predecessor's name"
    first.release()
    again = Slot(slots)
    assert again.number == 0
    for slot in (successor, third, again):
        slot.release()
