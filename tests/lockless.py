"""A server that takes its numbers from a sequence and no lock: what looks for missed entries must find it out.

    python -m tests.lockless serve

Who has the higher number may commit first; whoever follows by number has then gone past the lower one.
"""

from __future__ import annotations

from wallboard.__main__ import main
from wallboard.journal import migrations, postgres_rows

_stands = postgres_rows.how_it_stands
LAST = "(SELECT max(sequence) FROM deliveries)"


def how_it_stands(head: int) -> str:
    """The same, but for the last number: forty for each batch, which has 32 entries at most."""
    statement = _stands(head)
    assert LAST in statement
    return statement.replace(LAST, "(SELECT nextval('numbers') * 40)")


if __name__ == "__main__":
    migrations.STEPS += (("CREATE SEQUENCE IF NOT EXISTS numbers",),)
    vars(postgres_rows)["BEGIN"] = "BEGIN; SELECT 1; "
    vars(postgres_rows)["how_it_stands"] = how_it_stands
    main(prog_name="python -m tests.lockless")
