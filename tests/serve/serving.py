# SPDX-License-Identifier: Apache-2.0
"""A server for tests: its own data directory, a free port on the loopback, users of every role; ended by its pid."""
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

PASSWORD = 'a quiet corridor by night'
ROLES = ('viewer', 'agent', 'owner', 'manager', 'administrator')


def corridor_binary():
    return sys.argv[1] if len(sys.argv) > 1 else os.environ['CORRIDOR']


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f'{self.status} {self.body[:300]!r}'


class Client:
    """One user at the server (or nobody): cookie and CSRF token are sent as the web pages do."""

    def __init__(self, port, headers=None):
        self.port, self.cookie, self.csrf, self.extra = port, None, None, dict(headers or {})

    def ask(self, method, path, body=None, headers=None, query=None, raw=False):
        if query:
            path += '?' + urllib.parse.urlencode(query, doseq=True)
        head = dict(self.extra)
        if self.cookie:
            head['Cookie'] = self.cookie
        if self.csrf and method != 'GET':
            head['X-CSRF-Token'] = self.csrf
        if body is not None and not raw:
            body = json.dumps(body).encode()
            head['Content-Type'] = 'application/json'
        head.update(headers or {})
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers={k: v for k, v in head.items() if v is not None})
            r = connection.getresponse()
            answer = Answer(r.status, r.headers, r.read())
        finally:
            connection.close()
        cookie = answer.headers.get('Set-Cookie')
        if cookie:
            self.cookie = cookie.split(';')[0]
        return answer

    def get(self, path, **query):
        return self.ask('GET', path, query={k.rstrip('_'): v for k, v in query.items() if v is not None})

    def post(self, path, body=None, **more):
        return self.ask('POST', path, body=body if body is not None else {}, **more)

    def open_share(self, token):
        """As the page of a link does: its token goes along with every question."""
        a = self.post('/api/shares/open', {'token': token})
        if a.status == 200:
            self.extra['X-Share'] = token
        return a

    def sign_in(self, email, password=PASSWORD):
        a = self.post('/api/session', {'email': email, 'password': password})
        assert a.status == 200, a
        self.csrf = a.json['csrf']
        return self


class Server:
    def __init__(self, folder, corridor=None, simulate=None, design=None):
        self.data = os.path.join(folder, 'data')
        self.corridor = corridor or corridor_binary()
        self.process = None
        self.ready = False  # there are users: no set-up link is printed
        if simulate:
            self.run('simulate', '--data', self.data, *simulate)
        else:
            self.run('init', '--data', self.data, *(('--design', design) if design else ()))

    def run(self, *arguments, **more):
        return subprocess.run([self.corridor, *arguments], check=True, capture_output=True, text=True, **more).stdout

    def start(self, *options):
        self.process = subprocess.Popen(
            [self.corridor, 'serve', '--data', self.data, '--listen', '127.0.0.1:0', *options],
            stdout=subprocess.PIPE, stderr=sys.stderr, text=True)
        self.setup = None
        self.port = None
        for line in self.process.stdout:
            found = re.match(r'http://127\.0\.0\.1:(\d+)(/set-up/(\S+))?', line.strip())
            if found and self.port is None:
                self.port = int(found.group(1))
            if found and found.group(3):
                self.setup = found.group(3)
            if self.port and (self.setup or self.ready):
                break
        assert self.port, 'the server did not start'
        return self

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            code = self.process.wait(timeout=60)
            self.said = self.process.stdout.read()
            self.process.stdout.close()
            self.process = None
            return code
        return 0

    def client(self, **headers):
        return Client(self.port, headers)

    def everybody(self):
        """The administrator made by set-up, and a user of every other role: clients by role."""
        admin = self.client()
        a = admin.post('/api/setup', {'token': self.setup, 'name': 'Ada', 'email': 'administrator@tidewater.example',
                                      'password': PASSWORD})
        assert a.status == 200, a
        admin.csrf = a.json['csrf']
        self.ready = True
        clients = {'administrator': admin}
        for role in ROLES[:-1]:
            a = admin.post('/api/users', {'name': role, 'email': f'{role}@tidewater.example', 'role': role,
                                          'password': PASSWORD})
            assert a.status == 201, a
            clients[role] = self.client().sign_in(f'{role}@tidewater.example')
        return clients


@contextlib.contextmanager
def serving(simulate=None, options=(), design=None):
    folder = tempfile.mkdtemp(prefix='corridor-serve-')
    server = Server(folder, simulate=simulate, design=design)
    try:
        yield server.start(*options)
        code = server.stop()
        assert code == 0, f'the server ended with {code}'
    finally:
        if server.process:
            server.process.kill()
            server.process.wait()
        shutil.rmtree(folder)


def wait_for(what, seconds=20):
    """Until what() is true; its value."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)


def main(tests):
    """Runs the functions given, names each, and ends the program with 1 when one fails."""
    import traceback
    failed = 0
    for test in tests:
        try:
            test()
            print(f'ok   {test.__name__}', flush=True)
        except Exception:
            failed += 1
            print(f'FAIL {test.__name__}', flush=True)
            traceback.print_exc()
    sys.exit(1 if failed else 0)
