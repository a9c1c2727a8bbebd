"""A real IMAP server for the tests: Dovecot, as an ordinary user, on a free port, with TLS."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from imap_tools.mailbox import BaseMailBox

from feed.config.mail_servers import ImapFolder, imap_folder
from feed.digests import bounce_folder
from tests.conftest import free_port
from tests.required_programs import program

USER, PASSWORD = "bounces", "correct-horse"
RUNS_AS = "nobody" if os.geteuid() == 0 else None  # Dovecot gives root no mailbox

CONFIGURATION = """\
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = required
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/certificate.pem
mail_location = maildir:{folder}/mail
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
default_client_limit = 50
default_process_limit = 5
default_vsz_limit = 0
auth_failure_delay = 0
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = 20
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@dataclass(frozen=True)
class ImapServer:
    """A running server with one mailbox."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """The setting for its inbox."""
        return f"imaps://{USER}@localhost:{self.port}/INBOX?ca={self.folder}/authority.pem"

    @property
    def inbox(self) -> ImapFolder:
        found = imap_folder(self.url)
        assert found is not None
        return found

    @contextmanager
    def open(self) -> Iterator[BaseMailBox]:
        with bounce_folder.connected(self.inbox, PASSWORD) as mailbox:
            yield mailbox

    def append(self, message: bytes) -> None:
        """Put a message into the inbox."""
        with self.open() as mailbox:
            mailbox.append(message, "INBOX")

    def subjects(self, folder: str = "INBOX") -> list[str]:
        """The subjects of the messages in a folder, in order."""
        with self.open() as mailbox:
            if not mailbox.folder.exists(folder):
                return []
            mailbox.folder.set(folder)
            return [message.subject for message in mailbox.fetch(mark_seen=False)]


def _owner() -> tuple[str, int, int]:
    import pwd

    found = pwd.getpwnam(RUNS_AS) if RUNS_AS else pwd.getpwuid(os.geteuid())
    return found.pw_name, found.pw_uid, found.pw_gid


@contextmanager
def dovecot() -> Iterator[ImapServer]:
    """Run Dovecot with an empty mailbox."""
    import grp

    user, uid, gid = _owner()
    folder = Path(tempfile.mkdtemp(prefix="imap-"))
    server = ImapServer(folder, free_port())
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        folder / "certificate.pem"
    )
    (folder / "dovecot.conf").write_text(
        CONFIGURATION.format(
            folder=folder,
            user=user,
            group=grp.getgrgid(gid).gr_name,
            uid=uid,
            gid=gid,
            port=server.port,
            password=PASSWORD,
        )
    )
    for path in (folder, *folder.iterdir()):
        os.chown(path, uid, gid)
    process = subprocess.Popen(
        [str(program("dovecot")), "-F", "-c", str(folder / "dovecot.conf")],
        user=RUNS_AS,
        group=gid if RUNS_AS else None,
        extra_groups=[] if RUNS_AS else None,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(server.port, process, folder / "log")
        yield server
    finally:
        process.terminate()
        process.wait(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            text = log.read_text() if log.exists() else ""
            assert process.poll() is None, text
            time.sleep(0.05)
    raise AssertionError(log.read_text() if log.exists() else "no log")
