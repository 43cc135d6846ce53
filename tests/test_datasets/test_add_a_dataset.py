"""The example of docs/add_a_dataset.md works as it is printed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..test_docs import ROOT, blocks, write_python_blocks
from .native_trees import save_image

TABLE = """image,x1,y1,x2,y2,person
a.jpg,10,10,40,90,anna
a.jpg,60,10,90,90,
b.jpg,20,10,50,90,anna
b.jpg,120.5,10,150,90,ben
"""


@pytest.mark.slow
def test_the_shortest_dataset(tmp_path):
    for name in ('configs', 'tools', 'mmdet_ps'):
        (tmp_path / name).symlink_to(ROOT / name)
    mine = tmp_path / 'data/mine'
    for name in ('a.jpg', 'b.jpg'):
        save_image(mine / name)
    (mine / 'boxes.csv').write_text(TABLE)
    page = 'docs/add_a_dataset.md'
    write_python_blocks(page, tmp_path)
    done = subprocess.run(
        ['sh', '-e', '-c', '\n'.join(blocks(page, 'sh'))],
        cwd=tmp_path,
        env={
            **os.environ,
            'PYTHONPATH': '.',
            'PATH': f'{Path(sys.executable).parent}{os.pathsep}'
            f'{os.environ["PATH"]}',
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = sorted(path.name for path in (tmp_path / 'pages').iterdir())
    assert pages == ['mine_train_scenes_0.jpg'], pages
