"""A server without Python's collector, which says on SIGUSR1 how many objects only that could have freed.

    UNCOLLECTED=file python -m tests.uncollected serve
"""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path
from types import FrameType

from wallboard.__main__ import main


def tell(number: int, frame: FrameType | None) -> None:
    Path(os.environ["UNCOLLECTED"]).write_text(f"{gc.collect()}\n")


if __name__ == "__main__":
    gc.disable()
    signal.signal(signal.SIGUSR1, tell)
    main(prog_name="python -m tests.uncollected")
