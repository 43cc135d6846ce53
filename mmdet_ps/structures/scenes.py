"""Whether a person is in a picture, from embeddings of both."""

import numpy as np

# As published; both sides of the package rely on it.
GATE_TEMPERATURE = 0.2


def scene_scores(
    queries: np.ndarray, own: np.ndarray, scenes: np.ndarray
) -> np.ndarray:
    """Scores of persons and pictures.

    Jaffe and Zakhor, "Gallery Filter Network for Person Search" (WACV 2023):
    with the gate g = sigmoid(x / 0.2) of a person x and the rows v and b of a
    picture, z = v * g + b; a score is the sigmoid of the cosine between the z
    of the person's own picture and that of another one. Written out, the
    products of all persons and pictures are three products of matrices.

    Args:
        queries (ndarray): unit embeddings of persons, (Q, D) float32.
        own (ndarray): the picture of each, (Q,) int.
        scenes (ndarray): rows v and b of each picture, (N, 2, D) float32; b is
            the same in all.

    Returns:
        ndarray: (Q, N) float32 in (0.26, 0.74).
    """
    values, shift = scenes[:, 0], scenes[0, 1]
    gates = 1 / (1 + np.exp(-queries / GATE_TEMPERATURE))
    mine = values[own] * gates + shift
    products = (mine * gates) @ values.T + (mine @ shift)[:, None]
    squares = (gates**2) @ (values**2).T
    squares += 2 * (gates * shift) @ values.T + shift @ shift
    lengths = np.sqrt(squares.clip(min=1e-24))
    cosines = products / lengths / np.linalg.norm(mine, axis=1)[:, None]
    return (1 / (1 + np.exp(-cosines))).astype(np.float32)
