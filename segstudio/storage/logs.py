"""Where the program writes down what happened."""

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

from segstudio.storage.atomic import write_error
from segstudio.storage.preferences import user_folder

LOG_FILE = "segstudio.log"
_FORMAT = "%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"
_MOST_BYTES = 2**20
_KEPT = 3


def log_folder() -> Path:
    """Folder of the log files; it may not exist yet."""
    return user_folder() / "logs"


def set_up_logging(level: int = logging.INFO) -> logging.Logger:
    """Write the messages of this package to ``segstudio.log``; the last few files are kept.

    Calling it again changes nothing, unless the folder is another one by then.

    Returns:
        The package's logger.

    Raises:
        ProjectError: when the folder cannot be written.
    """
    logger = logging.getLogger("segstudio")
    path = log_folder() / LOG_FILE
    present = [handler for handler in logger.handlers if isinstance(handler, RotatingFileHandler)]
    if any(Path(handler.baseFilename) == path.absolute() for handler in present):
        return logger
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=_MOST_BYTES, backupCount=_KEPT, encoding="utf-8")
    except OSError as error:
        raise write_error(error, path) from error
    for old in present:
        logger.removeHandler(old)
        old.close()
    handler.setFormatter(logging.Formatter(_FORMAT))
    logger.addHandler(handler)
    logger.setLevel(level)
    return logger
