"""A week of news and comments, 15 to 21 June 2020, as the demo replays it.

What happened is public record, with its true dates and figures. Every sentence was written for this project; the
outlets and authors are invented.
"""

from deploy.demo.recorded_week.composer import write
from deploy.demo.recorded_week.week import MONDAY, SEED, Week

__all__ = ["MONDAY", "SEED", "Week", "write"]
