"""The routes of the API: admission, budgets and errors, which all operations have in common."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from flask import Blueprint, Response, request

from chat.config import Settings
from chat.log import StorageUnavailable
from chat.metrics import Metrics
from chat.names.addresses import own_subscriber, peer_address
from chat.protocol import ErrorCode, Refused
from chat.rooms.amounts import Abuse, rounded_up
from chat.rooms.answers import storage_error
from chat.rooms.commands import Hub
from chat.rooms.ledger import Account, Ledger
from chat.web.admission import Admission
from chat.web.api.calls import OPERATOR, Call, Told, read_body, read_guest, read_query, told
from chat.web.api.openapi import describe
from chat.web.api.operations import Operation
from chat.web.api.operator import ALL_OPERATIONS
from chat.web.api.shapes import HookKey, Reading
from chat.web.api.stream import stream
from chat.web.origins import Origins
from chat.web.problems import API_PATH, Problem, ProblemCode, answer, of_error, of_refusal, problem

_AGAIN_S = 5.0  # when to try again where there is no place


def create_api(
    settings: Settings, hub: Hub, admission: Admission, ledger: Ledger | None, metrics: Metrics
) -> Blueprint:
    """Make the blueprint of the API; without a `ledger` no address is limited."""
    blueprint = Blueprint("api", __name__, url_prefix=API_PATH)
    origins = Origins(settings.allowed_origins, behind_proxy=settings.trusted_proxies > 0)

    def take_place(stack: ExitStack) -> Account | None:
        """Take one of the places for WebSockets: the request may wait, apart from the others.

        The operator's commands need none: they have threads of their own. Raises Told.
        """
        if request.environ.get(OPERATOR):
            return None
        if hub.stopping:
            raise _wait(503, ProblemCode.STOPPING, "Stopping: try again later.", _AGAIN_S)
        account = None
        if ledger is not None:
            account = ledger.account(peer_address(request.environ))
            if wait_s := account.open_ws(connects=0):
                raise _wait(
                    429, ProblemCode.TOO_MANY, "Too much from your network: wait a moment.", wait_s
                )
            stack.callback(account.close_ws)
        if not admission.enter():
            raise _wait(503, ProblemCode.FULL, "Full: try again later.", _AGAIN_S)
        stack.callback(admission.leave)
        try:
            admission.go_apart()
        except RuntimeError:
            raise _wait(503, ProblemCode.FULL, "No thread: try again later.", _AGAIN_S) from None
        return account

    def read(operation: Operation, path: dict[str, str], account: Account | None) -> Call:
        """Read a request, and look at what it needs. Raises Refused, and Told."""
        address = own_subscriber(request.environ, settings.trusted_proxies)
        guest, has_key = read_guest(
            request, in_query=operation.query is HookKey, account=account, address=address
        )
        query: Any = read_query(request, operation.query)
        body: Any = None if operation.body is None else read_body(request, operation.body)
        call = Call(
            guest=guest,
            path=path,
            query=query,
            body=body,
            idempotency_key=request.headers.get("Idempotency-Key"),
            trusted_proxies=settings.trusted_proxies,
        )
        if operation.needs and not has_key:
            raise told(401, ProblemCode.KEY_MISSING, "Send a key: Authorization: Bearer <key>.")
        return call

    def serve(operation: Operation) -> Callable[..., Response]:
        def view(**path: str) -> Response:
            if not origins.allow(request.environ):
                return answer(problem(403, ProblemCode.FORBIDDEN, "This page may not ask here."))
            account: Account | None = None
            with ExitStack() as stack:
                try:
                    account = take_place(stack)
                    call = read(operation, path, account)
                    if operation.query is Reading and _wants_stream():
                        return stream(hub, call, stack, settings.chat_ping_interval_s)
                    return operation.do(hub, call)
                except Told as refusal:
                    return refused(refusal.problem, account, metrics)
                except Refused as refusal:
                    return refused(of_refusal(refusal), account, metrics)
                except StorageUnavailable as trouble:
                    unavailable = of_error(storage_error(None, str(trouble)))
                    return refused(unavailable, None, metrics)

        return view

    for operation in ALL_OPERATIONS:
        blueprint.add_url_rule(
            operation.path.replace("{", "<").replace("}", ">"),
            f"{operation.method} {operation.path}".replace(".", "_"),
            serve(operation),
            methods=[operation.method],
            provide_automatic_options=False,
        )

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        return Response(describe(), mimetype="application/json")

    return blueprint


def refused(told: Problem, account: Account | None, metrics: Metrics) -> Response:
    """Tell a problem, and count it: an address that is refused too often has to cool down."""
    if told.code in set(ErrorCode):
        metrics.refusals.add(1, told.code)
    if account is not None:
        try:
            account.refused()
        except Abuse:
            account.cool_down()
    response = answer(told)
    if told.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _wants_stream() -> bool:
    accepted = request.accept_mimetypes
    return (
        request.method == "GET"
        and accepted.best_match(("application/json", "text/event-stream")) == "text/event-stream"
    )


def _wait(status: int, code: ProblemCode, detail: str, wait_s: float) -> Told:
    return told(status, code, detail, retry_after=rounded_up(wait_s))
