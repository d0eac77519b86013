"""Free TCP ports on the loopback interface.

They are taken from below the range of outgoing connections (Linux from 32768, macOS from 49152), so that a server
finds its old port free when it is started again.
"""

import random
import socket
from collections.abc import Collection

HOST = "127.0.0.1"
_FIRST, _LAST = 20_000, 32_000


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: connections of a former server that still linger do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports(count: int, *, other_than: Collection[int] = ()) -> list[int]:
    """`count` different ports nobody listens on at this moment, none of `other_than`."""
    found: list[int] = []
    candidates = list(range(_FIRST, _LAST))
    random.shuffle(candidates)
    for port in candidates:
        if len(found) == count:
            break
        if port not in other_than and is_free(port):
            found.append(port)
    return found
