"""Draw synthetic person-search data in the native forms of real data sets.

python tools/make_synthetic.py data --size quick
"""

import sys
from pathlib import Path

# The laboratory is not installed: it lies beside this folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from lab.synthetic.command import main
from mmdet_ps.utils.command_line import run_command

if __name__ == '__main__':
    run_command(main)
