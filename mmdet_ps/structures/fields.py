"""The vocabulary of person search: the fields added to mmdet's structures.

``gt_instances`` (training: pixels of the network's input; testing: pixels of
the original image, as mmdet's test pipelines do):

* ``bboxes`` (N, 4) float, xyxy.
* ``labels`` (N,) int64, zeros: there is one class, person.
* ``person_ids`` (N,) int64: 0 to num_identities - 1, ``UNLABELLED`` for a
  person whose identity is unknown, ``IGNORED`` for a box that takes no part
  in re-identification at all.

``pred_instances`` (pixels of the original image): ``bboxes`` (N, 4),
``scores`` (N,), ``labels`` (N,), ``embeddings`` (N, D) of unit length.

A sample of a model that filters the gallery also has ``scene`` (2, D): what
``scenes.py`` tells by whether a person is in the picture.
"""

UNLABELLED = -1
IGNORED = -2
SCENE = 'scene'

# Of a branch's name in a loader's batch: the second views of its pictures.
SECOND_VIEW = '_second_view'
