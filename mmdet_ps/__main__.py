"""``python -m mmdet_ps COMMAND`` runs a command of ``mmdet-ps``."""

from .cli import main

if __name__ == '__main__':
    main()
