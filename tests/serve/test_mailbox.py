# SPDX-License-Identifier: Apache-2.0
"""Attachments out of a mailbox, against a real IMAP server: Dovecot, started here with a configuration of its own."""
import email.message
import gzip
import imaplib
import os
import pwd
import grp
import re
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading

from serving import Server, main, wait_for

DOVECOT = next((p for p in ('/usr/sbin/dovecot', '/usr/local/sbin/dovecot') if os.path.exists(p)), None)
PASSWORD = 'tide and time'
MAPPING = '''mapping: 1
source: calls
format: csv
interactions:
  event: Call Ended
  id: "{call}"
  customer: {user: "{customer}"}
  at: "{at}"
'''


def rows_of(n, first=0):
    lines = ['call,customer,at']
    lines += [f'c-{i},u-{i % 5000},2026-03-{1 + i % 28:02}T{i % 24:02}:00:00Z' for i in range(first, first + n)]
    return ('\n'.join(lines) + '\n').encode()


def free_ports(n):
    sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Dovecot:
    """The server with one user, `import`, whose mail is a folder of files."""

    def __init__(self, place):
        self.place = place
        self.port, self.tls_port = free_ports(2)
        root = os.geteuid() == 0
        owner = pwd.getpwnam('nobody') if root else pwd.getpwuid(os.geteuid())
        inner = 'dovecot' if root else owner.pw_name
        login = 'dovenull' if root else owner.pw_name
        group = grp.getgrgid(pwd.getpwnam(inner).pw_gid).gr_name
        home = os.path.join(place, 'home')
        os.mkdir(home)
        os.chmod(place, 0o755)
        os.chown(home, owner.pw_uid, owner.pw_gid)
        self.certificate, key = self.make_certificate()
        with open(os.path.join(place, 'users'), 'w') as f:
            f.write(f'import:{{PLAIN}}{PASSWORD}\n')
        self.config = os.path.join(place, 'dovecot.conf')
        with open(self.config, 'w') as f:
            f.write(f'''
base_dir = {place}/run
state_dir = {place}/state
log_path = {place}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {inner}
default_internal_group = {group}
default_login_user = {login}
first_valid_uid = 1
ssl = yes
ssl_cert = <{self.certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:~/Maildir
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {place}/users
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={home}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {self.port}
  }}
  inet_listener imaps {{
    port = {self.tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
''')
        self.process = None

    def make_certificate(self):
        certificate, key = os.path.join(self.place, 'cert.pem'), os.path.join(self.place, 'key.pem')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
                        '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost',
                        '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'], check=True, capture_output=True)
        return certificate, key

    def start(self):
        self.process = subprocess.Popen([DOVECOT, '-F', '-c', self.config], stderr=subprocess.PIPE, text=True)
        if not wait_for(self.answers, 20):
            with open(os.path.join(self.place, 'log')) as f:
                raise AssertionError('Dovecot does not start: ' + f.read())
        return self

    def answers(self):
        try:
            socket.create_connection(('127.0.0.1', self.port), 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)
            self.process.stderr.close()
            self.process = None

    def client(self):
        c = imaplib.IMAP4('127.0.0.1', self.port)
        c.login('import', PASSWORD)
        return c


class House:
    """Dovecot, a corridor server that looks into its mailbox every second, and a hand in the mailbox."""

    def __init__(self, extra='', url=None, mapping=MAPPING):
        self.extra, self.url, self.mapping = extra, url, mapping

    def __enter__(self):
        self.place = tempfile.mkdtemp(prefix='corridor-mail-')
        self.dovecot = self.server = self.hand = None
        try:
            return self.open()
        except BaseException:
            self.__exit__(True)
            raise

    def open(self):
        mail = os.path.join(self.place, 'mail')
        os.mkdir(mail)
        os.chmod(self.place, 0o755)
        self.dovecot = Dovecot(mail).start()
        self.hand = self.dovecot.client()
        self.server = Server(self.place)
        self.config = os.path.join(self.place, 'mailbox.yaml')
        with open(os.path.join(self.place, 'password'), 'w') as f:
            f.write(PASSWORD + '\n')
        with open(os.path.join(self.place, 'calls.yaml'), 'w') as f:
            f.write(self.mapping)
        url = self.url(self.dovecot) if self.url else f'imaps://localhost:{self.dovecot.tls_port}'
        with open(self.config, 'w') as f:
            f.write(f'mailbox: 1\nserver: {url}\nuser: import\npassword file: password\nevery: 1s\n'
                    'attachments:\n  - {name: "calls*.csv*", map: calls.yaml}\n  - {name: "*.xes"}\n' + self.extra +
                    ('' if 'tls:' in self.extra or 'authority' in self.extra
                     else f'certificate authority: {self.dovecot.certificate}\n'))
        self.options = ('--mailbox', self.config)
        self.server.start(*self.options)
        self.client = self.server.everybody()['manager']
        return self

    def __exit__(self, kind, *_):
        try:
            if self.server and self.server.process:
                code = self.server.stop()
                assert kind or code == 0, code
        finally:
            if self.dovecot:
                self.dovecot.stop()
            shutil.rmtree(self.place, ignore_errors=True)

    def restart(self):
        self.server.start(*self.options)
        self.client.port = self.server.port

    def send(self, files, sender='partner@example.org', subject='Calls of the month'):
        m = email.message.EmailMessage()
        m['From'], m['To'], m['Subject'] = sender, 'import@tidewater.example', subject
        m.set_content('Please find attached the calls.\n')
        for name, body in files:
            m.add_attachment(body, maintype='application', subtype='octet-stream', filename=name)
        ok, _ = self.hand.append('INBOX', None, None, m.as_bytes())
        assert ok == 'OK'

    def flags(self, folder='INBOX'):
        _, n = self.hand.select(folder, readonly=True)
        answer = self.hand.fetch('1:*', '(FLAGS)')[1] if int(n[0]) else []
        self.hand.close()
        return [imaplib.ParseFlags(a) for a in answer if a]

    def unseen(self, folder='INBOX'):
        return sum(b'\\Seen' not in f for f in self.flags(folder))

    def jobs(self):
        return self.client.get('/api/import/jobs').json['items']

    def stored(self):
        return self.client.get('/api/query/volume').json['n']

    def spool(self, sub=''):
        return sorted(n for n in os.listdir(os.path.join(self.server.data, 'mailbox', sub)) if n != 'failed')


def attachments_are_imported_and_their_message_is_marked():
    with House() as h:
        h.send([('calls-1.csv', rows_of(100)), ('CALLS-2.csv.gz', gzip.compress(rows_of(50, 100))), ('terms.pdf', b'%PDF')])
        h.send([('notes.txt', b'nothing for the importer')])
        h.send([])
        h.send([('Anrufe für März calls.csv', b'')], subject='none fits')
        assert wait_for(lambda: h.unseen() == 3, 60), (h.flags(), h.jobs())
        assert h.stored() == 150
        jobs = h.jobs()
        assert [(j['name'], j['state'], j['taken']) for j in jobs] == [
            ('CALLS-2.csv.gz', 'done', 50), ('calls-1.csv', 'done', 100)], jobs
        assert jobs[0]['who'] == 'mailbox import', jobs
        assert b'\\Seen' in h.flags()[0] and b'\\Flagged' not in h.flags()[0]
        # A name in another coding, a nested log; the same rows again.
        xes = (b'<log><trace><string key="concept:name" value="t1"/><event><string key="concept:name" value="Call Ended"/>'
               b'<date key="time:timestamp" value="2026-03-01T10:00:00Z"/></event></trace></log>')
        h.send([('calls für März.csv', rows_of(120)), ('Vorgänge.xes', xes)])
        assert wait_for(lambda: h.unseen() == 3 and len(h.flags()) == 5, 60), (h.flags(), h.jobs())
        assert {(j['name'], j['taken'], j['repeated']) for j in h.jobs()[:2]} == {
            ('calls für März.csv', 0, 120), ('Vorgänge.xes', 1, 0)}, h.jobs()
        assert h.stored() == 151 and h.spool() == []


def what_cannot_be_imported_is_kept_and_flagged():
    with House(mapping=MAPPING.replace('{call}', '{cal}')) as h:
        h.send([('calls.csv', rows_of(3))])
        assert wait_for(lambda: h.unseen() == 0, 60), h.jobs()
        assert b'\\Flagged' in h.flags()[0]
        job = h.jobs()[0]
        assert job['state'] == 'failed' and 'did you mean "call"' in job['message'], job
        kept = h.spool('failed')
        assert len(kept) == 1 and h.spool('failed/' + kept[0]) == ['calls.csv', 'calls.csv.report.json'], kept
        assert h.spool() == []


def what_cannot_be_taken_apart_is_flagged():
    with House(extra='move to: Taken\n') as h:
        h.hand.create('Taken')
        head = (b'From: partner@example.org\r\nSubject: Calls\r\nMIME-Version: 1.0\r\n'
                b'Content-Type: multipart/mixed; boundary=b\r\n\r\n')
        parts = b'--b\r\nContent-Type: text/csv; name=calls.csv\r\n\r\n1\r\n' * 20001
        assert h.hand.append('INBOX', None, None, head + parts + b'--b--\r\n')[0] == 'OK'
        h.send([('calls-messages.csv', rows_of(40000))])  # large, and like any other
        assert wait_for(lambda: len(h.flags('Taken')) == 1, 60), (h.flags(), h.jobs())
        assert len(h.flags()) == 1 and {b'\\Seen', b'\\Flagged'} <= set(h.flags()[0]), h.flags()
        assert h.stored() == 40000 and len(h.jobs()) == 1 and h.spool() == h.spool('failed') == []


def messages_are_moved_and_senders_chosen():
    with House(extra='move to: Taken\nfrom: ["*@example.org", boss@tidewater.example]\n',
               url=lambda d: f'imap://localhost:{d.port}') as h:
        h.hand.create('Taken')
        h.send([('calls.csv', rows_of(5))], sender='stranger@elsewhere.example')
        h.send([('calls.csv', rows_of(7))], sender='Partner <partner@EXAMPLE.org>')
        assert wait_for(lambda: len(h.flags('Taken')) == 1, 60), (h.flags(), h.jobs())
        assert len(h.flags()) == 1 and h.unseen() == 1 and h.stored() == 7


def a_kill_in_the_middle_loses_nothing():
    n_rows = 800000
    with House(extra='tls: none\n', url=lambda d: f'imap://127.0.0.1:{d.port}') as h:
        h.send([('calls-small.csv', rows_of(10, n_rows)), ('calls.csv', rows_of(n_rows))])
        def half():
            return [j for j in h.jobs() if j['state'] == 'running' and j['rows'] and j['name'] == 'calls.csv']
        assert wait_for(half, 120), h.jobs()
        h.server.process.send_signal(signal.SIGKILL)
        h.server.process.wait()
        h.server.process.stdout.close()
        assert h.unseen() == 1, 'marked before it was durable'
        h.restart()
        assert wait_for(lambda: h.unseen() == 0, 300), h.jobs()
        assert h.stored() == n_rows + 10
        again = next(j for j in h.jobs() if j['name'] == 'calls.csv')
        assert again['state'] == 'done' and again['taken'] + again['repeated'] == n_rows and again['repeated'] > 0, again


def what_is_wrong_is_told():
    with House() as h:
        h.server.stop()

        def refused(text, *told):
            with open(h.config, 'w') as f:
                f.write(text)
            p = subprocess.run([h.server.corridor, 'serve', '--data', h.server.data, '--listen', '127.0.0.1:0', *h.options],
                               capture_output=True, text=True, timeout=60)
            assert p.returncode != 0, p
            assert all(t in p.stderr for t in told), p.stderr
        good = ('mailbox: 1\nserver: imaps://localhost:1\nuser: u\npassword file: password\n'
                'attachments: [{name: "*.csv", map: calls.yaml}]\n')
        refused(good.replace('user: u\n', ''), 'user is missing')
        refused(good + 'foldr: x\n', 'mailbox.yaml:6', 'did you mean folder')
        refused(good.replace('imaps:', 'https:'), 'imaps://HOST')
        refused(good + 'tls: none\n', 'same machine')
        refused(good + 'every: soon\n', '30s')
        refused(good.replace('password\n', 'nothing\n'), 'nothing', 'mailbox.yaml:4')
        refused(good.replace(', map: calls.yaml', ''), 'no map')
        with open(os.path.join(h.place, 'calls.yaml'), 'w') as f:
            f.write('mapping: 1\nsorce: x\n')
        refused(good, 'calls.yaml:2', 'source')


class Crowded(socketserver.ThreadingTCPServer):
    """A mail server with more unseen messages than can be told in one answer: numbers of seven digits, every third one. The
    first part of the folder is seen but for a few. Ranges are answered from their end, which RFC 3501 allows."""
    daemon_threads = True
    PLACES = 250000
    NUMBERS = range(1000000, 1000000 + 3 * PLACES, 3)
    FILE = {NUMBERS[17]: 'calls-1.csv'}

    def __init__(self):
        self.seen = set(self.NUMBERS[:80000]) - set(self.NUMBERS[:1000:7]) - set(self.FILE)
        self.fetched, self.longest, self.mutex = [], 0, threading.Lock()
        super().__init__(('127.0.0.1', 0), Talk)

    def unseen(self):
        return [n for n in self.NUMBERS if n not in self.seen]

    def message(self, number):
        if number not in self.FILE:
            return b'From: partner@example.org\r\n\r\nNothing.\r\n'
        m = email.message.EmailMessage()
        m['From'] = 'partner@example.org'
        m.add_attachment(rows_of(10, number), maintype='text', subtype='csv', filename=self.FILE[number])
        return m.as_bytes()

    def answer(self, command):
        """The untagged answers to a command."""
        words = command.upper()
        if words.startswith('CAPABILITY'):
            return [b'* CAPABILITY IMAP4rev1']
        if words.startswith('SELECT'):
            return [b'* %d EXISTS' % self.PLACES, b'* OK [UIDVALIDITY 7] fine']
        at = re.fullmatch(r'UID SEARCH UID (\d+):(\d+|\*) UNSEEN UNDELETED', words)
        if at:
            end = self.NUMBERS[-1] if at[2] == '*' else int(at[2])
            first, last = (len(range(1000000, x, 3)) for x in (int(at[1]), end + 1))
            found = [n for n in self.NUMBERS[first:last] if n not in self.seen]
            return [b'* SEARCH ' + b' '.join(b'%d' % n for n in reversed(found))]
        at = re.fullmatch(r'FETCH (\d+) \(UID\)', words)
        if at:
            return [b'* %d FETCH (UID %d)' % (int(at[1]), self.NUMBERS[int(at[1]) - 1])]
        at = re.fullmatch(r'UID FETCH (\d+) \((RFC822.SIZE|BODY.PEEK\[\])\)', words)
        if at:
            body = self.message(int(at[1]))
            if at[2] == 'RFC822.SIZE':
                return [b'* 1 FETCH (UID %d RFC822.SIZE %d)' % (int(at[1]), len(body))]
            self.fetched.append(int(at[1]))
            return [b'* 1 FETCH (UID %d BODY[] {%d}\r\n%s)' % (int(at[1]), len(body), body)]
        at = re.fullmatch(r'UID STORE (\d+) .*', words)
        if at:
            self.seen.add(int(at[1]))
        return []


class Talk(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            self.talk()
        except ConnectionError:
            pass  # the client has enough

    def talk(self):
        self.wfile.write(b'* OK [CAPABILITY IMAP4rev1] here\r\n')
        for line in self.rfile:
            tag, _, command = line.decode().strip().partition(' ')
            with self.server.mutex:
                answers = self.server.answer(command)
            self.server.longest = max([self.server.longest, *(len(a) for a in answers)])
            self.wfile.write(b''.join(a + b'\r\n' for a in answers) + tag.encode() + b' OK done\r\n')
            if command.upper() == 'LOGOUT':
                return


def a_folder_that_no_answer_could_tell_of_is_taken_by_parts():
    crowd = Crowded()
    threading.Thread(target=crowd.serve_forever, daemon=True).start()
    place = tempfile.mkdtemp(prefix='corridor-mail-')
    for name, text in (('password', PASSWORD), ('calls.yaml', MAPPING), ('mailbox.yaml', (
            f'mailbox: 1\nserver: imap://127.0.0.1:{crowd.server_address[1]}\nuser: import\npassword file: password\n'
            'every: 1s\ntls: none\nattachments: [{name: "calls*.csv", map: calls.yaml}]\n'))):
        with open(os.path.join(place, name), 'w') as f:
            f.write(text)
    server = Server(place)
    try:
        expected = crowd.unseen()
        assert len(b' '.join(b'%d' % n for n in expected)) > 1 << 20  # what one answer would have been
        server.start('--mailbox', os.path.join(place, 'mailbox.yaml'))
        client = server.everybody()['manager']
        assert wait_for(lambda: len(crowd.fetched) >= 1500, 120), len(crowd.fetched)
        with crowd.mutex:
            fetched = list(crowd.fetched)
        assert fetched == expected[:len(fetched)]
        assert 400000 > crowd.longest > 100000, crowd.longest
        assert crowd.NUMBERS[17] in crowd.seen
        assert client.get('/api/query/volume').json['n'] == 10
    finally:
        server.stop()
        crowd.shutdown()
        crowd.server_close()
        shutil.rmtree(place, ignore_errors=True)


def a_mail_server_that_says_nothing_holds_up_no_end():
    deaf = socket.create_server(('127.0.0.1', 0))
    with House(extra='tls: none\n', url=lambda d: f'imap://127.0.0.1:{deaf.getsockname()[1]}') as h:
        deaf.settimeout(60)
        deaf.accept()  # it waits for our greeting
        h.server.process.send_signal(signal.SIGTERM)
        h.server.process.wait(timeout=25)  # a mail server may take a minute to greet
    deaf.close()


def an_untrusted_certificate_gets_no_password():
    with House(extra='certificate authority: /etc/ssl/certs/ca-certificates.crt\n') as h:
        h.send([('calls.csv', rows_of(3))])
        log = os.path.join(h.place, 'mail', 'log')
        assert wait_for(lambda: os.path.exists(log) and 'TLS' in open(log).read(), 60)
        with open(log) as f:
            said = f.read()
        assert said.count('Login: user=<import>') == 1 and h.unseen() == 1, said  # the test's own
        assert h.jobs() == []


if __name__ == '__main__':
    if not DOVECOT:
        print('skipped: dovecot-imapd is not installed')
        main([a_folder_that_no_answer_could_tell_of_is_taken_by_parts])
    main([attachments_are_imported_and_their_message_is_marked, what_cannot_be_imported_is_kept_and_flagged,
          what_cannot_be_taken_apart_is_flagged, messages_are_moved_and_senders_chosen,
          a_kill_in_the_middle_loses_nothing, what_is_wrong_is_told, a_mail_server_that_says_nothing_holds_up_no_end,
          a_folder_that_no_answer_could_tell_of_is_taken_by_parts, an_untrusted_certificate_gets_no_password])
