# SPDX-License-Identifier: Apache-2.0
"""A folder that the server watches: what is put there is imported once, whatever happens meanwhile."""
import gzip
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from serving import Server, main, wait_for

MAPPING = '''mapping: 1
source: calls
format: csv
interactions:
  event: Call Ended
  id: "{call}"
  customer: {user: "{customer}"}
  at: "{at}"
  measures: {wait: "{wait}"}
'''


def rows_of(n, first=0):
    lines = ['call,customer,at,wait']
    lines += [f'c-{i},u-{i % 5000},2026-03-{1 + i % 28:02}T{i % 24:02}:00:00Z,{i % 600}' for i in range(first, first + n)]
    return ('\n'.join(lines) + '\n').encode()


class Folder:
    """A server that watches a folder."""

    def __enter__(self):
        self.place = tempfile.mkdtemp(prefix='corridor-drop-')
        self.dir = os.path.join(self.place, 'drop')
        os.mkdir(self.dir)
        self.server = Server(self.place)
        self.options = ('--drop', self.dir, '--settle', '1')
        self.server.start(*self.options)
        self.client = self.server.everybody()['manager']
        return self

    def __exit__(self, kind, *_):
        try:
            if self.server.process:
                code = self.server.stop()
                assert kind or code == 0, code
        finally:
            shutil.rmtree(self.place, ignore_errors=True)

    def restart(self):
        self.server.start(*self.options)
        self.client.port = self.server.port

    def put(self, name, body, move=True):
        path = os.path.join(self.dir, name)
        first = os.path.join(self.place, 'outside') if move else path
        with open(first, 'wb') as f:
            f.write(body)
        if move:
            os.rename(first, path)

    def names(self, sub=''):
        return sorted(n for n in os.listdir(os.path.join(self.dir, sub)) if n not in ('done', 'failed'))

    def report(self, name, sub='done', seconds=60):
        path = os.path.join(self.dir, sub, name + '.report.json')
        moved = os.path.join(self.dir, sub, name)
        assert wait_for(lambda: os.path.exists(path) and os.path.exists(moved), seconds), (self.names(), self.names(sub))
        with open(path) as f:
            return json.load(f)

    def stored(self):
        return self.client.get('/api/query/volume').json['n']


def what_is_moved_in_is_taken():
    with Folder() as f:
        f.put('mapping.yaml', MAPPING.encode())
        f.put('a.csv', rows_of(100) + b'bad,u-1,never,1\n')
        r = f.report('a.csv')
        assert (r['state'], r['rows'], r['taken'], r['rejected'], r['message']) == ('done', 101, 100, 1, ''), r
        assert r['reasons'][0]['first_line'] == 102, r
        # A mapping of its own goes before the folder's, and with its file.
        f.put('b.csv.gz.yaml', MAPPING.replace('Call Ended', 'Chat Ended').encode())
        f.put('b.csv.gz', gzip.compress(rows_of(50, 100)))
        assert f.report('b.csv.gz')['taken'] == 50
        assert wait_for(lambda: f.names() == ['mapping.yaml']), f.names()
        assert 'b.csv.gz.yaml' in f.names('done')
        events = {r['event']: r['interactions'] for r in f.client.get('/api/query/volume', by='event').json['rows']}
        assert events == {'Call Ended': 100, 'Chat Ended': 50}, events
        # The same again: nothing new, and the first report stays.
        f.put('a.csv', rows_of(100))
        assert wait_for(lambda: sum(n.endswith('a.csv') for n in f.names('done')) == 2), f.names('done')
        assert f.stored() == 150 and f.report('a.csv')['taken'] == 100
        jobs = f.client.get('/api/import/jobs').json['items']
        assert [(j['name'], j['state'], j['repeated']) for j in jobs] == [
            ('a.csv', 'done', 100), ('b.csv.gz', 'done', 0), ('a.csv', 'done', 0)], jobs
        assert jobs[0]['origin'] == 'folder' and f.dir in jobs[0]['who'], jobs[0]


def what_grows_is_waited_for():
    with Folder() as f:
        f.put('mapping.yaml', MAPPING.encode())
        body = rows_of(1000)
        path = os.path.join(f.dir, 'slow.csv')
        with open(path, 'wb', buffering=0) as out:
            for i in range(0, len(body), len(body) // 12):
                out.write(body[i:i + len(body) // 12])
                time.sleep(0.2)
        r = f.report('slow.csv')
        assert r['rows'] == r['taken'] == 1000, r
        for name in ('later.csv.part', '.hidden.csv', 'x.tmp'):
            f.put(name, rows_of(5, 5000))
        os.symlink('/etc/hostname', os.path.join(f.dir, 'link.csv'))
        f.put('last.csv', rows_of(1, 6000))
        f.report('last.csv')
        assert f.names() == ['.hidden.csv', 'later.csv.part', 'link.csv', 'mapping.yaml', 'x.tmp'], f.names()
        assert f.stored() == 1001


def what_cannot_be_imported_is_moved_aside_with_its_reason():
    with Folder() as f:
        f.put('wrong.csv.yaml', b'mapping: 1\nsorce: x\n')
        f.put('wrong.csv', rows_of(3))
        r = f.report('wrong.csv', 'failed')
        assert r['state'] == 'failed' and 'source' in r['message'] and 'wrong.csv.yaml:2' in r['message'], r
        f.put('other.csv.yaml', MAPPING.replace('{call}', '{cal}').encode())
        f.put('other.csv', rows_of(3))
        r = f.report('other.csv', 'failed')
        assert 'did you mean "call"' in r['message'], r
        f.put('alone.csv', rows_of(3))  # a mapping may be on its way, so this takes half a minute
        r = f.report('alone.csv', 'failed', 90)
        assert 'no mapping' in r['message'] and 'mapping.yaml' in r['message'], r
        f.put('mapping.yaml', MAPPING.encode())
        f.put('empty.csv', b'')
        assert 'empty' in f.report('empty.csv', 'failed')['message']
        # Mended and moved back, it is taken.
        os.rename(os.path.join(f.dir, 'failed', 'alone.csv'), os.path.join(f.dir, 'alone.csv'))
        assert f.report('alone.csv')['taken'] == 3
        assert f.stored() == 3


def a_kill_in_the_middle_is_made_good():
    n_rows = 1200000
    with Folder() as f:
        f.put('mapping.yaml', MAPPING.encode())
        f.put('big.csv', rows_of(n_rows))
        for _ in range(2):
            def rows():
                return [j for j in f.client.get('/api/import/jobs').json['items'] if j['state'] == 'running' and j['rows']]
            half = wait_for(rows, 120)
            assert half and half[0]['rows'] < n_rows, half
            f.server.process.send_signal(signal.SIGKILL)
            f.server.process.wait()
            f.server.process.stdout.close()
            assert f.names() == ['big.csv', 'mapping.yaml'] and f.names('done') == []
            f.restart()
        r = f.report('big.csv', seconds=300)
        assert r['rows'] == r['taken'] + r['repeated'] == n_rows and r['repeated'] > 0 and r['rejected'] == 0, r
        assert f.stored() == n_rows
        states = [j['state'] for j in f.client.get('/api/import/jobs').json['items']]
        assert states == ['done', 'failed', 'failed'], states


def what_is_put_in_the_place_of_a_file_is_left_alone():
    """Who may write to the folder gets nothing out of the server that he could not read, and nothing into other folders."""
    with Folder() as f:
        secret = os.path.join(f.place, 'secret')
        with open(secret, 'wb') as out:
            out.write(rows_of(10, 9000000))
        f.server.stop()
        f.put('mapping.yaml', MAPPING.encode())
        f.put('a.csv', rows_of(200000))
        f.put('b.csv', rows_of(1))
        f.put('c.csv', rows_of(1))
        f.restart()  # all of them settle together, then one is taken after the other
        assert wait_for(lambda: [j for j in f.client.get('/api/import/jobs').json['items'] if j['state'] == 'running'])
        os.symlink(secret, os.path.join(f.place, 'link'))
        os.rename(os.path.join(f.place, 'link'), os.path.join(f.dir, 'b.csv'))
        os.mkfifo(os.path.join(f.place, 'pipe'))
        os.rename(os.path.join(f.place, 'pipe'), os.path.join(f.dir, 'c.csv'))
        assert f.report('a.csv')['taken'] == 200000
        f.put('d.csv', rows_of(1, 700000))
        f.report('d.csv')
        assert f.stored() == 200001 and f.names() == ['b.csv', 'c.csv', 'mapping.yaml'], f.names()
        # A link in the place of failed/ is not followed.
        elsewhere = os.path.join(f.place, 'elsewhere')
        os.mkdir(elsewhere)
        os.rename(os.path.join(f.dir, 'failed'), os.path.join(f.dir, 'failed.before'))
        os.symlink(elsewhere, os.path.join(f.dir, 'failed'))
        f.put('empty.csv', b'')
        f.put('e.csv', rows_of(1, 700001))
        f.report('e.csv')
        assert os.listdir(elsewhere) == [] and 'empty.csv' in f.names(), f.names()


def a_file_that_was_moved_in_and_grows_is_waited_for():
    with Folder() as f:
        f.put('grows.csv', rows_of(1))
        time.sleep(0.5)  # it waits for its mapping
        with open(os.path.join(f.dir, 'grows.csv'), 'ab', buffering=0) as out:
            out.write(b'c-1,u-1,2026')
            f.put('mapping.yaml', MAPPING.encode())
            time.sleep(0.5)
            out.write(b'-03-05T00:00:00Z,5\n')
        r = f.report('grows.csv')
        assert (r['rows'], r['taken']) == (2, 2), r


def a_mapping_that_is_being_written_is_waited_for():
    """As `cat > calls.yaml` does: the mapping is there, and empty, while its text is still to come."""
    text = MAPPING.encode()
    for name in ('calls.yaml', 'calls.csv.yaml', 'mapping.yaml'):
        with Folder() as f:
            f.put('calls.csv', rows_of(3), move=False)
            time.sleep(2)  # it has settled and waits for its mapping
            with open(os.path.join(f.dir, name), 'wb', buffering=0) as out:
                time.sleep(0.6)
                for i in range(0, len(text), 60):
                    out.write(text[i:i + 60])
                    time.sleep(0.4)
            r = f.report('calls.csv')
            assert (r['state'], r['taken'], r['message']) == ('done', 3, ''), (name, r)
            assert f.names('failed') == [], f.names('failed')
            if name != 'mapping.yaml':
                continue
            # One that is there for long, and one that is moved in, are not waited for.
            began = time.monotonic()
            f.put('more.csv', rows_of(2, 10))
            assert f.report('more.csv')['taken'] == 2 and time.monotonic() - began < 1, time.monotonic() - began
            f.put('mapping.yaml', MAPPING.replace('Call Ended', 'Chat Ended').encode())
            f.put('last.csv', rows_of(2, 20))
            assert f.report('last.csv')['taken'] == 2 and time.monotonic() - began < 3, time.monotonic() - began


def names_that_meet_reports_and_names_that_are_too_long():
    def files(f, sub, ending):
        return [n for n in f.names(sub) if n.endswith(ending)]

    with Folder() as f:
        f.put('mapping.yaml', MAPPING.encode())
        mine = rows_of(3)
        f.put('a.report.json', mine)  # the name of the report of `a`
        r = f.report('a.report.json')
        assert r['file'] == 'a.report.json' and r['taken'] == 3, r
        f.put('a', rows_of(4, 10))
        assert wait_for(lambda: len(files(f, 'done', '-a')) == 1), f.names('done')
        name = files(f, 'done', '-a')[0]
        assert f.report(name)['file'] == 'a' and f.report(name)['taken'] == 4
        with open(os.path.join(f.dir, 'done', 'a.report.json'), 'rb') as kept:
            assert kept.read() == mine
        # No room for the ending of a report, or of a mapping.
        long = 'x' * 245 + '.csv', 'ä' * 125 + '.csv'
        for i, name in enumerate(long):
            f.put(name, rows_of(5, 100 * (i + 1)))
            head = name[:20]
            assert wait_for(lambda: [n for n in f.names('done') if n.startswith(head) and n.endswith('.csv')]), f.names()
            short = next(n for n in f.names('done') if n.startswith(head) and n.endswith('.csv'))
            assert short != name and f.report(short)['file'] == name and f.report(short)['taken'] == 5
        assert wait_for(lambda: f.names() == ['mapping.yaml']), f.names()
        # What fails again and again keeps its name, and its latest report.
        for column in ('cal', 'cll'):
            f.put('wrong.csv.yaml', MAPPING.replace('{call}', f'{{{column}}}').encode())
            f.put('wrong.csv', rows_of(3))
            assert f'"{column}"' in f.report('wrong.csv', 'failed')['message']
            assert wait_for(lambda: 'wrong.csv.yaml' in f.names('failed')), f.names('failed')
            if column == 'cal':
                os.unlink(os.path.join(f.dir, 'failed', 'wrong.csv'))
                os.unlink(os.path.join(f.dir, 'failed', 'wrong.csv.yaml'))
        assert f.names('failed') == ['wrong.csv', 'wrong.csv.report.json', 'wrong.csv.yaml'], f.names('failed')
        assert f.stored() == 17


def a_folder_that_is_not_there_is_told_at_the_start():
    with Folder() as f:
        f.server.stop()
        p = subprocess.run([f.server.corridor, 'serve', '--data', f.server.data, '--listen', '127.0.0.1:0', '--drop',
                            f.dir + '/nothing'], capture_output=True, text=True, timeout=60)
        assert p.returncode != 0 and 'no folder' in p.stderr and 'make it' in p.stderr, p
        f.restart()


if __name__ == '__main__':
    main([what_is_moved_in_is_taken, what_grows_is_waited_for, what_cannot_be_imported_is_moved_aside_with_its_reason,
          what_is_put_in_the_place_of_a_file_is_left_alone, a_file_that_was_moved_in_and_grows_is_waited_for,
          a_mapping_that_is_being_written_is_waited_for, names_that_meet_reports_and_names_that_are_too_long,
          a_kill_in_the_middle_is_made_good, a_folder_that_is_not_there_is_told_at_the_start])
