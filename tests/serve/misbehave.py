# SPDX-License-Identifier: Apache-2.0
"""Those who misbehave at a server: slow senders, huge headers and bodies, bombs, garbage, floods of connections.

As a program (PORT KEY) all of them at once until it is ended.
"""
import functools
import gzip
import os
import socket
import sys
import threading
import time


@functools.lru_cache
def _bomb():
    return gzip.compress(b'[' * (64 << 20))


def dial(port):
    return socket.create_connection(('127.0.0.1', port), timeout=5)


def quietly(act, *more):
    """The server may well hang up."""
    try:
        act(*more)
    except OSError:
        pass


def slow_headers(port, key):
    s = dial(port)
    for c in b'POST /v1/batch HTTP/1.1\r\nHost: x\r\nX-Slow: ' + b'a' * 1000:
        s.sendall(bytes([c]))
        time.sleep(0.1)


def slow_body(port, key):
    s = dial(port)
    s.sendall(f'POST /v1/batch HTTP/1.1\r\nHost: x\r\nX-Write-Key: {key}\r\nContent-Length: 400000\r\n\r\n'.encode())
    for _ in range(1000):
        s.sendall(b'{')
        time.sleep(0.1)


def huge_header(port, key):
    s = dial(port)
    s.sendall(b'GET / HTTP/1.1\r\nHost: x\r\nX-Huge: ' + b'a' * (8 << 20))
    s.recv(1000)
    time.sleep(0.05)


def bomb(port, key):
    body = _bomb()
    send_body(port, key, body, 'Content-Encoding: gzip\r\n')
    time.sleep(0.2)


def send_body(port, key, body, more=''):
    s = dial(port)
    s.sendall(f'POST /v1/batch HTTP/1.1\r\nHost: x\r\nX-Write-Key: {key}\r\nContent-Type: application/json\r\n{more}'
              f'Content-Length: {len(body)}\r\n\r\n'.encode() + body)
    s.recv(1000)


def deep(port, key):
    send_body(port, key, b'{"batch":' + b'[' * 200000)
    time.sleep(0.05)


def garbage(port, key):
    s = dial(port)
    s.sendall(b'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n' * 50 + os.urandom(5000))
    while s.recv(65536):
        pass
    time.sleep(0.05)


def wrong_length(port, key):
    s = dial(port)
    s.sendall(b'POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\n{}{}')
    s.recv(1000)
    send_body(port, key, b'{"batch":[{"type":"track","event":"\xff\xfe\x80"}]}')
    time.sleep(0.05)


def dialler(port, key):
    """A thousand connections a second from one address."""
    end = time.monotonic() + 1
    for _ in range(1000):
        s = dial(port)
        s.close()
    time.sleep(max(0, end - time.monotonic()))


KINDS = ((slow_headers, 200), (slow_body, 200), (huge_header, 4), (bomb, 2), (deep, 2), (garbage, 2),
                 (wrong_length, 2), (dialler, 1))


def all_at_once(port, key):
    """For ever, from about 400 threads."""
    def again(act):
        while True:
            quietly(act, port, key)
    for act, n in KINDS:
        for _ in range(n):
            threading.Thread(target=again, args=(act,), daemon=True).start()
    threading.Event().wait()


if __name__ == '__main__':
    all_at_once(int(sys.argv[1]), sys.argv[2])
