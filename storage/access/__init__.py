"""Who may read and write what in ClickHouse: the declaration, how a server gets it, and how it is checked."""

from storage.access.check import Attempt, check_access
from storage.access.client import Answer, PersonsClient, QueryRefused, log_in
from storage.access.passwords import PASSWORDS_FILE, passwords
from storage.access.people import SERVICE, Person, SameUser, people
from storage.access.server import FixedUsers, TakenNames, grant, grant_statements, taken
from storage.access.users_file import users_xml

__all__ = [
    # declaration
    "PASSWORDS_FILE",
    "SERVICE",
    "Person",
    "SameUser",
    "passwords",
    "people",
    # granting
    "FixedUsers",
    "TakenNames",
    "grant",
    "grant_statements",
    "taken",
    "users_xml",
    # checking
    "Attempt",
    "check_access",
    # asking
    "Answer",
    "PersonsClient",
    "QueryRefused",
    "log_in",
]
