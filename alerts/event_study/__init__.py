"""How share prices moved around alerts: an event study (MacKinlay 1997)."""

from alerts.event_study.chart import plot
from alerts.event_study.returns import Market
from alerts.event_study.study import CAUTION, FEWEST_DAYS, Design, Estimate, Group, Study, StudyEvent, study

__all__ = ["CAUTION", "FEWEST_DAYS", "Design", "Estimate", "Group", "Market", "Study", "StudyEvent", "plot", "study"]
