"""What every identity loss looks like from outside."""

from torch import Tensor, nn


class IdentityLoss(nn.Module):
    """Base of the losses that tell persons apart.

    A detector may hold any of them; whoever wants the embeddings a detector
    trains on (hybrid pre-training, for one) hooks the inputs of the modules
    that derive from this class.

    ``accuracy`` is the share of the labelled rows of the last batch that
    came nearest to their own identity, in percent; None if there were none.
    """

    accuracy: Tensor | None = None

    def forward(self, embeddings: Tensor, person_ids: Tensor) -> Tensor:
        """Loss of a batch of embeddings.

        Args:
            embeddings (Tensor): (N, D), need not be of unit length.
            person_ids (Tensor): (N,) int64; ``UNLABELLED`` for persons
                without identity, ``IGNORED`` for rows that take no part.

        Returns:
            Tensor: scalar; a zero that keeps the graph when no row counts.
        """
        raise NotImplementedError

    def note_accuracy(self, logits: Tensor, person_ids: Tensor) -> None:
        """Keep the accuracy of logits (n, classes) of labelled rows (n,)."""
        correct = logits.detach().argmax(dim=1) == person_ids
        self.accuracy = 100 * correct.float().mean() if len(logits) else None
