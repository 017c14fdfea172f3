"""Links made at the server's own command line: to the first account, to an admin's, to a lost password; knows no page.

The same for a server that runs, over the operator's door, and for a journal that no server has open.
"""

from __future__ import annotations

from collections.abc import Iterator
from socket import gethostname

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from wallboard.access.rules import OPERATE, Way
from wallboard.clock import Clock
from wallboard.journal import Delivery, JournalUnavailable
from wallboard.journal.engines import Engine
from wallboard.people.accounts import FIRST, LINKED, Accounts, Linked, id_of, new_code
from wallboard.people.audit import OPERATOR
from wallboard.people.doors import CLAIM
from wallboard.people.names import folded
from wallboard.people.reception import AT_THE_COMMAND_LINE, FIRST_LINK_LASTS, Reception
from wallboard.settings import Settings


class NoAccount(Exception):
    """There is no account of that name; the text says so."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no account {name}. Without --name the link makes a new admin's account.")


class Operating:
    """`POST /operator/link`: `{"name": ""}` for a new admin, or the name of an account; `{"code": …}`."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    def routes(self) -> Iterator[Way]:
        yield Way("/operator/link", self.link, "POST", OPERATE)

    async def link(self, request: Request) -> Response:
        """200 the code · 400 unreadable · 404 no such account · 409 not written."""
        try:
            said = msgspec.json.decode(await request.body(), type=dict[str, str])
            name = folded(said.get("name", FIRST))
            if name and self._reception.accounts.get(name) is None:
                return JSONResponse({"error": str(NoAccount(name))}, 404)
            return JSONResponse({"code": await self._reception.make_link(name, AT_THE_COMMAND_LINE)})
        except (msgspec.DecodeError, ClientDisconnect) as error:
            return JSONResponse({"error": str(error)}, 400)
        except JournalUnavailable as error:
            return JSONResponse({"error": f"The journal cannot be written: {error}."}, 409)


async def link_offline(engine: Engine, clock: Clock, typed: str) -> str:
    """The code of a link, put into the journal itself; NoAccount, and what the journal and the archive raise."""
    name, code = folded(typed), new_code()
    await engine.journal.open(lambda entry: None, after=engine.end())
    try:
        if name and _accounts(engine).get(name) is None:
            raise NoAccount(name)
        now = clock.now()
        said = Linked(id=id_of(code), name=name, until=now + FIRST_LINK_LASTS, by=OPERATOR)
        await engine.journal.append(Delivery(received_at=now, body=msgspec.json.encode(said), remark=LINKED))
    finally:
        await engine.journal.close()
    return code


def _accounts(engine: Engine) -> Accounts:
    accounts = Accounts()
    hear = accounts.remarks
    for entry in engine.archive.remarks(hear):
        delivery = entry.delivery
        hear[delivery.remark or ""](msgspec.json.decode(delivery.body), delivery.received_at)
    return accounts


def address_of(settings: Settings, code: str) -> str:
    """What leads to the page behind a link. `0.0.0.0` is no address to open: this machine's name is."""
    host = gethostname() if settings.host in ("0.0.0.0", "::") else settings.host
    here = f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
    return f"{settings.public_url or here}{CLAIM}#{code}"
