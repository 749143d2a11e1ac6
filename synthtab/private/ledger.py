"""What was asked of a table, what it cost, and what that promises.

The budget is kept in zero-concentrated differential privacy (zCDP; Bun and Steinke, arXiv
1605.02065), in which costs add up. From outside it is (epsilon, delta).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

# How much more than all may be spent, for want of exact sums.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Entry:
    """A question and its cost.

    Attributes:
        what: The question, in words.
        rho: Its zCDP.
        epsilon: Its pure differential privacy, where it is paid in that.
        delta: Its chance of failure, beyond that of the conversion.
    """

    what: str
    rho: float = 0.0
    epsilon: float = 0.0
    delta: float = 0.0


@dataclass
class Ledger:
    """A budget and what was spent of it.

    Attributes:
        epsilon: What is promised in all.
        delta: Likewise.
        rho: What all questions in zCDP may cost.
        pure: What all questions in pure differential privacy may cost.
        other_delta: What all questions may cost of delta; the remainder is for the
            conversion of ``rho``.
        unit: Whom the promise is about: "row", or the column of people.
        entries: What was spent.
    """

    epsilon: float
    delta: float
    rho: float
    pure: float
    other_delta: float
    unit: str = "row"
    entries: list[Entry] = field(default_factory=list)

    def spend(
        self, what: str, rho: float = 0.0, epsilon: float = 0.0, delta: float = 0.0
    ) -> None:
        """Pay for a question, before it is answered.

        Raises:
            AssertionError: There is not so much left: the plan is wrong.
        """
        spent = self.spent
        for already, now, all_of_it in (
            (spent.rho, rho, self.rho),
            (spent.epsilon, epsilon, self.pure),
            (spent.delta, delta, self.other_delta),
        ):
            assert now >= 0, "a question costs less than nothing, report this"
            assert already + now <= all_of_it * (1 + ROUNDING), (
                f"no budget is left for {what}, report this"
            )
        self.entries.append(Entry(what, rho, epsilon, delta))

    @property
    def spent(self) -> Entry:
        """The sum of all entries."""
        return Entry(
            "all",
            math.fsum(entry.rho for entry in self.entries),
            math.fsum(entry.epsilon for entry in self.entries),
            math.fsum(entry.delta for entry in self.entries),
        )

    @property
    def promise(self) -> str:
        """The guarantee, in words that can be signed."""
        whom = "one row"
        if self.unit != "row":
            whom = f"all rows of one value of {self.unit!r}"
        return (
            f"({self.epsilon:g}, {self.delta:.0e})-differential privacy: whether the table "
            f"holds {whom} or not changes the probability of any model, and of anything "
            f"made with it, by at most a factor of exp({self.epsilon:g}), except with a "
            f"probability of {self.delta:.0e}"
        )

    @property
    def limits(self) -> str:
        """What the guarantee does not cover."""
        return (
            "all that the schema file says counts as public; a second fit of the same "
            "table adds its epsilon to this one; what is true of everybody is no secret of "
            "anybody and may be learnt"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data, for a model file."""
        return asdict(self) | {"promise": self.promise, "limits": self.limits}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Ledger:
        """The inverse of `to_json`."""
        known = {name: data[name] for name in cls.__dataclass_fields__}
        known["entries"] = [Entry(**entry) for entry in data["entries"]]
        return cls(**known)
