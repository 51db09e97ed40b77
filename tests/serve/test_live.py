# SPDX-License-Identifier: Apache-2.0
"""Readers of /api/live who leave while the server tells them something: nothing of theirs is touched any more. Whoever still
listens is told, and who comes afterwards is."""
import collections
import socket

from serving import serving

STAY = 600  # so many that telling all of them takes a while
PASS = 200  # at a time
PASSING = 12000


def listen(server, client):
    s = socket.create_connection(('127.0.0.1', server.port), timeout=60)
    s.sendall(f'GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nCookie: {client.cookie}\r\n\r\n'.encode())
    return s


def hear(s, word):
    heard = b''
    while word not in heard:
        part = s.recv(1 << 16)
        assert part, f'the stream ended before {word!r}: {heard[-300:]!r}'
        heard += part


def main():
    # What is simulated makes the server tell something all the time.
    with serving(simulate=('--persons', '50', '--seed', '7'), options=('--simulate', '60000')) as server:
        admin = server.everybody()['administrator']
        stay = [listen(server, admin) for _ in range(STAY)]
        passing = collections.deque()
        for _ in range(PASSING):
            passing.append(listen(server, admin))
            if len(passing) > PASS:
                passing.popleft().close()
        for r in [listen(server, admin), *stay, *passing]:
            hear(r, b'event: counts')
            r.close()
    print(f'{PASSING} readers came, and left while they were told something')


main()
