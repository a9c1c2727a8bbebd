"""Measure sending against others that send: `python -m tests.bench.sending [--quick]`.

All give the same number of emails to Postfix's `smtp-sink`, in turn, round by round; a ratio is
the median of the rounds, so that what else the machine does counts for all.
"""

import asyncio
import os
import shutil
import smtplib
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import click

from feed.smtp import Envelope, Outcome, SmtpServer
from feed.smtp.client import Record, deliver
from tests.bench.subscribers import Post
from tests.conftest import free_port, wait_until

NEEDED = ("smtp-sink", "smtp-source")
SIZE = 6000  # bytes of a message's text
AWAY = 0.020  # seconds of a round trip to the distant sink
HEAD = b"From: Devis <devis@example.org>\r\nTo: %b\r\nSubject: Today\r\nMIME-Version: 1.0\r\n\r\n"
LINE = b"All that is needed is that somebody begins, and goes on, also today.".ljust(76) + b"\r\n"
BODY = LINE * (SIZE // len(LINE))

Way = Callable[[int], None]


@dataclass
class Sender:
    """A program that sends that many messages, and its messages a second in each round."""

    name: str
    send: Way
    rates: list[float] = field(default_factory=list)

    def measure(self, count: int) -> None:
        began = time.monotonic()
        self.send(count)
        self.rates.append(count / (time.monotonic() - began))

    def tell(self, ours: "Sender") -> None:
        """One line: the median rate, and that of Devis in comparison."""
        told = f"  {self.name:<18}{statistics.median(self.rates):>9,.0f} e-mails/s"
        if self is not ours:
            ratios = [mine / its for mine, its in zip(ours.rates, self.rates, strict=True)]
            median = statistics.median(ratios)
            told += f"  Devis is {median:.2f} times as fast ({min(ratios):.2f}–{max(ratios):.2f})"
        click.echo(told)


def envelopes(count: int) -> Iterator[Envelope]:
    """Messages, each with its own addresses."""
    for key in range(count):
        recipient = f"person{key}@example.org"
        message = HEAD % recipient.encode() + BODY
        yield Envelope(key, f"devis+{key}@example.org", recipient, message)


class Tally:
    """What records outcomes in the place of a ledger: it counts them."""

    def __init__(self) -> None:
        self.count = 0

    def record(self, outcomes: Sequence[Outcome]) -> None:
        assert all(outcome.result == "sent" for outcome in outcomes), outcomes
        self.count += len(outcomes)


def devis(port: int, connections: int, record: Record | None = None) -> Way:
    """Send with Devis's client; `record` receives the outcomes."""

    def send(count: int) -> None:
        tally = Tally()
        deliver(
            SmtpServer("127.0.0.1", port, "none"),
            envelopes(count),
            record or tally.record,
            connections=connections,
            rate=0,
            stop=threading.Event(),
            hostname="here.example.org",
        )
        assert record or tally.count == count, tally.count

    return send


def smtp_source(port: int, connections: int, *options: str, size: int = SIZE) -> Way:
    """Postfix's load generator."""

    def send(count: int) -> None:
        sizes = ("-s", str(connections), "-m", str(count), "-l", str(size))
        subprocess.run(["smtp-source", *options, *sizes, f"127.0.0.1:{port}"], check=True)

    return send


def library(port: int, connections: int) -> Way:
    """The standard library's smtplib, a thread for each connection."""

    def one(mine: list[Envelope]) -> None:
        with smtplib.SMTP("127.0.0.1", port, "here.example.org") as smtp:
            for message in mine:
                smtp.sendmail(message.sender, message.recipient, message.message)

    def send(count: int) -> None:
        emails = list(envelopes(count))
        shares = [emails[start::connections] for start in range(connections)]
        threads = [threading.Thread(target=one, args=(share,)) for share in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return send


@contextmanager
def sink() -> Iterator[int]:
    """The port of a server that accepts every message and discards it."""
    port = free_port()
    user = ("-u", "nobody") if os.geteuid() == 0 else ()
    process = subprocess.Popen(["smtp-sink", *user, f"127.0.0.1:{port}", "1000"])
    try:
        wait_until(lambda: listens(port))
        yield port
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def distant(port: int) -> Iterator[int]:
    """The port of a relay to that one, from which an answer takes AWAY longer."""
    mine = free_port()
    process = get_context("spawn").Process(target=relay, args=(mine, port, AWAY / 2))
    process.start()
    try:
        wait_until(lambda: listens(mine))
        yield mine
    finally:
        process.terminate()
        process.join(10)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def relay(port: int, target: int, seconds: float) -> None:
    """Relay both directions of a connection to `port` with a delay, endlessly."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(
            _hand_on(reader, far_writer, seconds), _hand_on(far_reader, writer, seconds)
        )

    async def serve() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(serve())


async def _hand_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float
) -> None:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def write() -> None:
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(due - loop.time())
            if not data:
                writer.close()
                return
            writer.write(data)

    writing = asyncio.create_task(write())
    try:
        while data := await reader.read(65536):
            waiting.put_nowait((loop.time() + seconds, data))
    except ConnectionError:
        pass
    waiting.put_nowait((loop.time() + seconds, b""))
    await writing


def compare(title: str, ours: Sender, others: list[Sender], count: int, rounds: int) -> None:
    """Run the senders in turn for several rounds, and print the results."""
    for _ in range(rounds):
        for sender in (ours, *others):
            sender.measure(count)
    click.echo(title)
    for sender in (ours, *others):
        sender.tell(ours)


def tell_processor(way: Way, count: int) -> None:
    """The processor time of a message, without the sink."""
    began = time.thread_time()
    way(count)
    each = (time.thread_time() - began) / count * 1e6
    click.echo(f"  {each:.0f} µs of processor time for each message")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="A fifth of the messages, three rounds.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--connections", default=4, show_default=True)
def main(quick: bool, rounds: int, connections: int) -> None:
    """Compare our sending with Postfix's smtp-source, and with smtplib to a distant server."""
    if any(shutil.which(name) is None for name in NEEDED):
        raise click.ClickException("Not installed: smtp-sink, smtp-source (apt install postfix)")
    count, rounds = (4000, min(rounds, 3)) if quick else (20_000, rounds)
    few = connections * (25 if quick else 100)
    with sink() as near, distant(near) as far, tempfile.TemporaryDirectory() as folder:
        post = Post(Path(folder), count, near, connections)
        size = post.size()
        compare(
            f"{count:,} digests of {size} bytes with database and personal parts,"
            f" {connections} connections, sink on this machine:",
            Sender("Devis", post.send),
            [
                Sender("smtp-source -d", smtp_source(near, connections, "-d", size=size)),
                Sender("smtp-source", smtp_source(near, connections, size=size)),
            ],
            count,
            rounds,
        )
        compare(
            f"{count:,} messages of {SIZE} bytes without a database:",
            Sender("Devis", devis(near, connections)),
            [
                Sender("smtp-source -d", smtp_source(near, connections, "-d")),
                Sender("smtp-source", smtp_source(near, connections)),
            ],
            count,
            rounds,
        )
        tell_processor(devis(near, connections), count)
        compare(
            f"{few:,} e-mails, {connections} connections, sink {AWAY * 1000:.0f} ms away:",
            Sender("Devis", devis(far, connections)),
            [Sender("smtplib", library(far, connections))],
            few,
            rounds,
        )


if __name__ == "__main__":
    main()
