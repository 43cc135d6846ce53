"""Metrics of the framework's test loop."""

from .dump_search_results import DumpSearchResults
from .person_search_metric import PersonSearchMetric

__all__ = ['DumpSearchResults', 'PersonSearchMetric']
