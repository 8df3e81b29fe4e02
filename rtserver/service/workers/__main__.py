"""``python -m rtserver.service.workers``: what the supervisor starts, and nobody else."""

import sys

from rtserver.service.workers.worker import main

sys.exit(main(sys.argv[1:]))
