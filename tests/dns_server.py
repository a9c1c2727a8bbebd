"""A DNS server on loopback with records of its own, over UDP and, for long answers, TCP."""

import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset

Records = Mapping[str, Sequence[str]]  # by name: `TXT "v=spf1 -all"`, `CNAME other.example.`


@contextmanager
def dns_server(records: Records) -> Iterator[dns.resolver.Resolver]:
    """Serve `records`; yields a resolver that asks this server only."""
    zone = {f"{name}.": list(texts) for name, texts in records.items()}

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, where = self.request
            where.sendto(_answer(zone, data, 512), self.client_address)

    class Stream(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length = int.from_bytes(self.rfile.read(2), "big")
            answer = _answer(zone, self.rfile.read(length), 65_535)
            self.wfile.write(len(answer).to_bytes(2, "big") + answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Stream) as tcp:
        port = tcp.server_address[1]
        with socketserver.ThreadingUDPServer(("127.0.0.1", port), Datagram) as udp:
            for server in (tcp, udp):
                threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            resolver = dns.resolver.Resolver(configure=False)
            resolver.nameservers, resolver.port = ["127.0.0.1"], port
            try:
                yield resolver
            finally:
                for server in (tcp, udp):
                    server.shutdown()


@contextmanager
def silent_dns_server() -> Iterator[dns.resolver.Resolver]:
    """A server that never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.getsockname()[1]
        yield resolver


def _answer(zone: Mapping[str, Sequence[str]], data: bytes, limit: int) -> bytes:
    """The response to a query: records of its name, after CNAMEs; without records NXDOMAIN."""
    query = dns.message.from_wire(data)
    response = dns.message.make_response(query)
    name = str(query.question[0].name).lower()
    while name in zone:
        alias = ""
        for record in zone[name]:
            kind, _, value = record.partition(" ")
            response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, value))
            alias = value if kind == "CNAME" else alias
        name = alias
    if not response.answer:
        response.set_rcode(dns.rcode.NXDOMAIN)
    try:
        return response.to_wire(max_size=limit)
    except dns.exception.TooBig:
        response.answer.clear()
        response.flags |= dns.flags.TC
        return response.to_wire()
