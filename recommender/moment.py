"""How a mood enters a list: it chooses the songs of a page, and taste puts them in order.

Which songs make a page decides how near the page is to the mood; their order decides how soon the
listener meets what fits. So the mood counts in full for the choice, and by a share in the order:
``docs/emotion.md`` has the measurements.
"""

from __future__ import annotations

import numpy as np

from recommender.config import MoodConfig
from recommender.reranking.diversity import PAGE
from recommender.stages import ItemList


def ordered(items: ItemList, config: MoodConfig, among: int) -> ItemList:
    """Return the items with every page of twenty put in the order of taste; no song changes page.

    A page is ordered by the score less a share of what the mood added to it: ``1 - config.order``,
    and less of it where there is little to choose from, for where a page is most of what there is
    the order has to do what the choice cannot. Without a mood the items come back as they are. A
    list that stops within a page has to be ordered before it is cut (:func:`whole_pages`), so that
    pages fit together.

    Args:
        items: as they were chosen, best first.
        config: how much of the mood remains in the order.
        among: how many songs a page is chosen from, the same for every page of a list.
    """
    mood = items.evidence.get("mood")
    if mood is None or not mood.any():
        return items
    choice = 1 - min(1.0, PAGE / max(1, among))
    taste = items.scores - choice * (1 - config.order) * mood
    page = np.arange(len(items)) // PAGE
    return items.take(np.lexsort((-taste, page)).astype(np.int64))


def whole_pages(length: int) -> int:
    """Return the least number of songs, not below ``length``, that fills whole pages."""
    return -(-length // PAGE) * PAGE
