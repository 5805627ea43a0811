"""The shipped app, in which a plugin named `deadly` kills the worker that is about to register it."""

from tests.support.seams import replace, take_out
from tests.system.protections import PROTECTIONS
from worker.app import create_app

take_out({"deadly": PROTECTIONS["deadly"]}, "deadly", replace)
app = create_app()
