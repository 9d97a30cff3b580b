"""Counts what held. A check is a function that raises when something is not as it should be."""
import base64
import os
import sys
import time
import traceback

# How long a thing that must follow from another may take. It bounds a failure; it says nothing about speed.
PATIENCE_SECONDS = 60
LOOK_EVERY_SECONDS = 0.1


# A picture of one red pixel.
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC")


class Checks:
    """Runs checks one after the other and prints the closing line by which the tests know the outcome."""

    def __init__(self):
        self.passed = self.failed = 0

    def run(self, name, check):
        """Runs one check. Returns what it returned, or None when it failed."""
        try:
            result = check()
        except Exception:  # whatever a library raises is a failed check
            self.failed += 1
            print(f"not ok {name}\n{traceback.format_exc()}", flush=True)
            return None
        self.passed += 1
        print(f"ok {name}", flush=True)
        return result

    def finish(self):
        """Prints the sum and ends the program."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed or not self.passed else 0)


def eventually(look, what):
    """Returns the first truthy result of look, which is asked again and again."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        result = look()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(LOOK_EVERY_SECONDS)


def equal(got, want, what="value"):
    """Raises unless both are the same."""
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def contains(whole, part, what="text"):
    """Raises unless the whole has the part in it."""
    if part not in whole:
        raise AssertionError(f"{what}: {part!r} is not in {whole!r}")


def setting(name):
    """Returns an environment variable that the caller must set."""
    value = os.environ.get(name)
    if not value:
        sys.exit(f"set {name}")
    return value
