"""Draw a video of a street, labelled for its first seconds.

python tools/make_synthetic_film.py footage/MOT17/street
"""

import sys
from pathlib import Path

# The laboratory is not installed: it lies beside this folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from lab.synthetic.film import main
from mmdet_ps.utils.command_line import run_command

if __name__ == '__main__':
    run_command(main)
