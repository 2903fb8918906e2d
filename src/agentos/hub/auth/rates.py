"""How often one token may ask, and one address may fail."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from agentos.models.rates import Bucket

_MOST_KNOWN = 1000


class Rates:
    """A bucket for each of those who ask.

    Args:
        per_minute: What each may do in a minute.
        clock: Seconds that never jump.
    """

    def __init__(self, per_minute: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, who: str) -> float:
        """Count once; return 0, or the seconds to wait, and then it is not counted."""
        bucket = self._buckets.get(who)
        if bucket is None:
            bucket = self._buckets[who] = Bucket(self._per_minute, self._clock)
            if len(self._buckets) > _MOST_KNOWN:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(who)
        wait = bucket.wait(1.0)
        if wait == 0:
            bucket.take(1.0)
        return wait
