"""Metrics of the framework's test loop."""

from .dump_search_results import DumpSearchResults
from .person_search_metric import PersonSearchMetric
from .pretrain_monitor import PretrainMonitor

__all__ = ['DumpSearchResults', 'PersonSearchMetric', 'PretrainMonitor']
