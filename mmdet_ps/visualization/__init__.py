"""Pictures of what a model found."""

from .ranking_visualizer import RankingVisualizer

__all__ = ['RankingVisualizer']
