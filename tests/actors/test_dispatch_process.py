"""When a process ends: as with pykka's own actors, living actors keep it, idle dispatchers and daemon actors don't."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ACTOR = """
from actors.dispatch import DispatchedActor, ThreadedDispatcher

class Counting(DispatchedActor):
    def on_receive(self, left):
        if left:
            self.actor_ref.tell(left - 1)
        else:
            print("counted to the end")
            self.stop()
"""


def output_of(script):
    """Run a script that must end by itself."""
    process = subprocess.run(
        [sys.executable, "-c", ACTOR + script], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )
    assert (process.returncode, process.stderr) == (0, "")
    return process.stdout


@pytest.mark.parametrize("dispatcher", ["Counting.start", "ThreadedDispatcher(1).start"])
def test_a_living_actor_keeps_the_process_until_it_stops(dispatcher):
    start = f"{dispatcher}()" if dispatcher.startswith("Counting") else f"{dispatcher}(Counting)"

    assert output_of(f"{start}.tell(1_000)") == "counted to the end\n"


def test_a_dispatcher_whose_actors_have_stopped_lets_the_process_end():
    assert output_of("ref = Counting.start(); ref.proxy().actor_urn.get(); ref.stop()") == ""


def test_a_daemon_actor_does_not_keep_the_process():
    assert output_of("Counting.use_daemon_thread = True; Counting.start().proxy().actor_urn.get()") == ""
