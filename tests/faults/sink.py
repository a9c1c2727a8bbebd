"""A mail server that takes everything and writes down what it took, before it says so.

`python -m tests.faults.sink PORT FILE`
"""

import asyncio
import os
import sys

END = b"\r\n.\r\n"


class Sink(asyncio.Protocol):
    """One connection; it keeps up with a client that does not wait for every answer."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._heard = b""
        self._in_letter = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._heard += data
        said = b""
        while True:
            if self._in_letter:
                message, end, rest = self._heard.partition(END)
                if not end:
                    break
                self._heard, self._in_letter = rest, False
                self._take(message)
                said += b"250 taken\r\n"
                continue
            line, end, rest = self._heard.partition(b"\r\n")
            if not end:
                break
            self._heard = rest
            verb = line[:4].upper()
            if verb == b"EHLO":
                said += b"250-sink\r\n250 PIPELINING\r\n"
            elif verb == b"DATA":
                self._in_letter = True
                said += b"354 go on\r\n"
            elif verb == b"QUIT":
                self._transport.write(said + b"221 bye\r\n")
                self._transport.close()
                return
            else:
                said += b"250 ok\r\n"
        self._transport.write(said)

    def _take(self, message: bytes) -> None:
        """Write the Message-ID down; one write, so that a line is there whole or not at all."""
        headers = message.partition(b"\r\n\r\n")[0]
        for line in headers.split(b"\r\n"):
            if line.lower().startswith(b"message-id:"):
                os.write(self._file, line.partition(b":")[2].strip() + b"\n")


async def main(port: int, path: str) -> None:
    """Serve on the loopback until the process is ended."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Sink(file), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
