"""Which source did this feature come from?"""

from mmengine.model import BaseModule
from torch import Tensor, nn


class DomainClassifier(BaseModule):
    """A small perceptron over normalised features.

    The features are standardised row by row first, so that the backbone
    cannot win against the classifier by making its features small.

    Args:
        in_channels: Length of a feature.
        num_sources: Number of sources to tell apart.
        hidden_channels: Width of the hidden layer.
    """

    def __init__(
        self, in_channels: int, num_sources: int, hidden_channels: int = 256
    ) -> None:
        super().__init__(
            init_cfg=dict(type='Normal', layer='Linear', std=0.01)
        )
        self.layers = nn.Sequential(
            nn.LayerNorm(in_channels, elementwise_affine=False),
            nn.Linear(in_channels, hidden_channels),
            nn.ReLU(inplace=True),
            nn.Linear(hidden_channels, num_sources),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Logits (N, num_sources) of features (N, in_channels)."""
        return self.layers(features)
