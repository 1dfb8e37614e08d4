"""Where the page is served, and what opens it."""

from dataclasses import dataclass, field
from pathlib import Path

from rebounce.watchers.setting_checks import WebAddress
from rebounce.watchers.web.token_file import kept_token, made_token


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """`hosts` are further names under which the page may be asked, as those of a server before it.

    A token that has to be made up is kept in `state_folder`; without one it lasts as long as the page.
    """

    address: WebAddress
    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    state_folder: Path | None = None

    def key(self) -> str | None:
        """The token that is wanted; None where only this machine can reach the page."""
        if self.token is not None or (self.address.is_loopback and not self.hosts):
            return self.token
        return made_token() if self.state_folder is None else kept_token(self.state_folder)
