"""All methods, and NAE on all backbones, on one synthetic set and budget."""

import sys
from pathlib import Path

# The laboratory is not installed: it lies beside this folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from lab.experiments.benchmark import main
from mmdet_ps.utils.command_line import run_command

if __name__ == '__main__':
    run_command(main)
