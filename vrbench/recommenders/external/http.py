"""A recommender behind an address: questions are sent as JSON, in time, and again if need be."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import re
import time
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener, getproxies

import numpy as np
from PIL import Image

from vrbench.core.errors import ConfigError, DataError
from vrbench.recommenders.external.question import Count, Question

LATER = (408, 425, 429, 500, 502, 503, 504)  # who answers so may answer the same question later
LONGEST = 300.0  # seconds that are waited because a service asks for it
LARGEST = 1 << 28  # bytes of an answer
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
FIELD = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
HERE = ("localhost", "127.0.0.1", "::1")
PROXY_LEFT = (
    ", or set recommender.proxies=true if it is behind the proxy that the environment names"
)


class HttpDoor:
    """Sends each question to one address, by POST, and nothing to any other.

    The body is ``{"users": [...], "items": [...], "pictures": {item: PNG in base64}}``, the answer
    ``{"scores": [[...], ...]}``, or ``ranks`` or ``lists`` in place of scores; and, if the service
    knows it, ``"release"``. Redirections are not followed, and proxies that the environment names
    are gone through only if that is asked for. Timeouts, broken connections and the statuses of
    ``LATER`` are tried again, after half a second, one, two, and so on, or after as long as the
    service says (Retry-After).

    Args:
        url: http or https, without a password and without a query.
        token: name of the environment variable that holds a credential; None: none is sent.
        header: in which it is sent; "Authorization" puts "Bearer" before it.
        timeout: seconds that an answer may take.
        retries: how often a question is sent again.
        per_second: most requests in a second; None: as many as there are.
        proxies: whether the environment's proxies (https_proxy, no_proxy) are gone through; to
            this machine never.
        gives: the field of the answer.
        release: what the service may call itself.

    Raises:
        ConfigError: if a setting is not as above, or the variable is not set. No text says what
            the variable holds.
    """

    clock: ClassVar[Callable[[], float]] = time.monotonic
    sleep: ClassVar[Callable[[float], None]] = time.sleep

    def __init__(
        self,
        url: str,
        *,
        token: str | None,
        header: str,
        timeout: float,
        retries: int,
        per_second: float | None,
        proxies: bool,
        gives: str,
        release: str,
    ) -> None:
        self.who = _checked(url, token)
        self._url, self._gives, self._release = url, gives, release
        self._timeout, self._retries = timeout, retries
        self._gap = 0.0 if per_second is None else 1 / per_second
        self._next = 0.0
        self._variable, self._header = token, header
        self._secret()  # says at once if it is not there
        parts = urlsplit(url)
        away = parts.hostname not in HERE
        straight = [] if proxies and away else [ProxyHandler({})]
        self._opener = build_opener(_Stays, *straight)
        left = away and not proxies and parts.scheme in getproxies()
        self._hint = PROXY_LEFT * left

    def ask(self, question: Question, count: Count) -> Any:
        """Return the field of the answer that was asked for.

        Raises:
            ConfigError: if no request is left.
            DataError: if no answer came, or one that is of no use.
        """
        told = {"users": question.users, "items": question.items}
        shown = {item: _png(picture) for item, picture in question.pictures.items()}
        body = json.dumps(told | {"pictures": shown}).encode()
        for attempt in range(self._retries + 1):
            count()
            try:
                return self._read(self._sent(body))
            except _LaterError as later:
                last = later
                if attempt < self._retries:
                    wait = min(LONGEST, 0.5 * 2**attempt)
                    type(self).sleep(wait if later.wait is None else later.wait)
        raise DataError(
            f"{self.who}: no answer after {self._retries + 1} tries ({last}): the answers so far "
            f"are kept; run again once it answers{self._hint}"
        )

    def _sent(self, body: bytes) -> bytes:
        """Return the body of the answer to one request."""
        now = type(self).clock()
        if now < self._next:
            type(self).sleep(self._next - now)
        self._next = max(now, self._next) + self._gap
        sent = {"Content-Type": "application/json", "User-Agent": "vrbench"} | self._secret()
        request = Request(self._url, body, sent, method="POST")
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                found: bytes = answer.read(LARGEST + 1)
        except HTTPError as error:
            raise self._refused(error) from None
        except (URLError, OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise _LaterError(f"{type(reason).__name__}: {reason}".strip(": ")) from None
        if len(found) > LARGEST:
            raise DataError(f"{self.who}: an answer of more than {LARGEST >> 20} MiB")
        return found

    def _refused(self, error: HTTPError) -> Exception:
        """Return what to raise for a status that is no success."""
        status = f"{error.code} {http.client.responses.get(error.code, '')}".strip()
        told = error.headers.get("Retry-After", "")
        error.close()
        if error.code in LATER:
            wait = float(told) if told.isascii() and told.isdigit() else None
            if wait is not None and wait > LONGEST:
                return DataError(f"{self.who}: {status}, and asks to wait {wait:g} s: run later")
            return _LaterError(status, wait)
        hint = ": what is sent stands on the docs' page of own services"
        if error.code in (401, 403):
            hint = ": set recommender.token to the name of the environment variable that holds one"
            if self._variable is not None:
                hint = f": is the credential right that {self._variable} holds?"
        elif 300 <= error.code < 400:
            hint = ": it sends on elsewhere, where nothing is sent; name that address"
        return DataError(f"{self.who}: {status}{hint}")

    def _read(self, body: bytes) -> Any:
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            raise DataError(f"{self.who}: the answer is no JSON") from None
        if not isinstance(answer, dict) or self._gives not in answer:
            has = ", ".join(map(str, answer)) if isinstance(answer, dict) else "no fields"
            raise DataError(
                f"{self.who}: the answer has no {self._gives!r}; it has {has[:100]}: set "
                "recommender.gives"
            )
        own = answer.get("release", self._release)
        if own != self._release:
            raise DataError(
                f"{self.who}: the service says it is release {str(own)[:60]!r}, and "
                f"recommender.release is {self._release!r}: name what is asked"
            )
        return answer[self._gives]

    def _secret(self) -> dict[str, str]:
        """Return the header with the credential, read anew, so that no object holds it."""
        if self._variable is None:
            return {}
        if not VARIABLE.fullmatch(self._variable) or not FIELD.fullmatch(self._header):
            raise ConfigError(
                "recommender.token: expected the name of an environment variable, and "
                "recommender.header that of a header: no credential is written down here"
            )
        held = os.environ.get(self._variable, "")
        if not held or not held.isascii() or not held.isprintable():
            raise ConfigError(
                f"recommender.token: the environment variable {self._variable} is not set, or "
                "holds no printable ASCII"
            )
        return {self._header: f"Bearer {held}" if self._header == "Authorization" else held}


class _LaterError(Exception):
    """No answer this time."""

    def __init__(self, told: str, wait: float | None = None) -> None:
        super().__init__(told)
        self.wait = wait


class _Stays(HTTPRedirectHandler):
    """Goes to no address that the user did not name."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _checked(url: str, token: str | None) -> str:
    """Return the address for messages."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or not url.isprintable():
        raise ConfigError("recommender.url: expected http://HOST/PATH or https://HOST/PATH")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            "recommender.url: an address without user, password and query, since it is written "
            "into records; a credential goes into an environment variable: recommender.token=NAME"
        )
    if token is not None and parts.scheme == "http" and host not in HERE:
        raise ConfigError(
            f"recommender.url: {host} would be sent the credential in the clear: use https"
        )
    return url


def _png(picture: np.ndarray) -> str:
    held = io.BytesIO()
    Image.fromarray(picture).save(held, format="PNG")
    return base64.b64encode(held.getvalue()).decode("ascii")
