"""Report repairs, rejects and omissions of a conversion."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from .checks import Tally
from .script import CONVERTED, KEPT


def describe(tallies: Iterable[Tally], report: Path) -> Iterator[str]:
    """Describe the script, what was left out, and what was written twice.

    tallies (Iterable[Tally]): Of all splits.
    report (Path): The list of rejects.
    YIELDS (str): A sentence each.
    """
    scripts: Counter[str] = Counter()
    conversions: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    duplicates = 0
    for tally in tallies:
        scripts.update(tally.scripts)
        conversions.update(tally.conversions)
        left_out.update(tally.left_out)
        duplicates += tally.duplicates
    if scripts[KEPT]:
        others = f" {scripts[CONVERTED]:,} others are Simplified." if scripts[CONVERTED] else ""
        yield f"--script auto: {scripts[KEPT]:,} texts are not Simplified and are left as they are.{others}"
    elif scripts[CONVERTED]:
        yield f"--script auto: all {scripts[CONVERTED]:,} texts are Simplified."
    for converted_by, rescued in conversions.items():
        apart = f"; {rescued} entities apart from their sentences, where they would have read otherwise"
        yield f"Converted by {converted_by}{apart * bool(rescued)}."
    if duplicates:
        yield f"{duplicates:,} annotations were written more than once, and are kept once."
    for reason, n in left_out.items():
        yield f"Left out: {n:,} times {reason}. They are listed in {report}."
