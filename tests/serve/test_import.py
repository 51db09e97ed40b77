# SPDX-License-Identifier: Apache-2.0
"""Files over HTTP: sent, looked at, taken in while tracking goes on; what becomes of each row; what a kill leaves."""
import base64
import gzip
import http.client
import json
import os
import signal
import threading

from serving import main, serving, wait_for

MAPPING = '''mapping: 1
source: calls
format: csv
interactions:
  event: "{event}"
  id: "{call}"
  customer: {user: "{customer}"}
  at: "{at}"
  measures: {wait: "{wait}"}
  properties: all
'''


def rows_of(n, first=0, prefix='c'):
    """CSV of n calls, each with an id of its own."""
    lines = ['call,customer,at,event,wait']
    lines += [f'{prefix}-{i},u-{i % 5000},2026-03-{1 + i % 28:02}T{i % 24:02}:00:00Z,Call Ended,{i % 600}'
              for i in range(first, first + n)]
    return ('\n'.join(lines) + '\n').encode()


def send(client, name, body):
    return client.ask('POST', '/api/import/files', body=body, raw=True, query={'name': name})


def start(client, file, mapping=MAPPING, dry_run=False):
    return client.post('/api/import', {'file': file, 'mapping': mapping, 'dry_run': dry_run})


def over(client, job, seconds=120):
    def ask():
        a = client.get(f'/api/import/jobs/{job}')
        assert a.status == 200, a
        return a.json if a.json['state'] in ('done', 'failed', 'cancelled') else None
    job = wait_for(ask, seconds)
    assert job, 'the import does not end'
    return job


def take(client, name, body, mapping=MAPPING, dry_run=False):
    sent = send(client, name, body)
    assert sent.status == 201, sent
    a = start(client, sent.json['file'], mapping, dry_run)
    assert a.status == 202, a
    return over(client, a.json['job'])


def stored(client):
    return client.get('/api/query/volume').json['n']


def uploads(server):
    folder = os.path.join(server.data, 'uploads')
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def counts_add_up(job):
    assert job['rows'] == job['mapped'] + job['empty'] + job['rejected'], job
    return job


def each_row_is_accounted_for():
    with serving() as s:
        m = s.everybody()['manager']
        bad = b'bad-1,u-1,yesterday,Call Ended,3\nbad-2,u-2,2026-03-01T10:00:00Z,Call Ended,soon\nbad-3,,2026-03-01,Call,1\n'
        job = counts_add_up(take(m, 'calls.csv', rows_of(1000) + bad))
        assert job['state'] == 'done' and job['message'] == '', job
        assert (job['rows'], job['taken'], job['repeated'], job['rejected']) == (1003, 1000, 0, 3), job
        assert job['bytes'] == job['bytes_read'] == len(rows_of(1000) + bad), job
        assert job['who'] == 'manager@tidewater.example' and job['name'] == 'calls.csv'
        assert sum(r['n'] for r in job['reasons']) == 3, job
        assert stored(m) == 1000
        held = m.get('/api/quarantine').json
        assert held['total'] == 3 and {i['source'] for i in held['items']} == {'calls.csv'}, held
        assert {i['raw'].split(',')[0] for i in held['items']} == {'bad-1', 'bad-2', 'bad-3'}
        name = MAPPING.split('source: ')[1].split('\n')[0]
        assert [(x['name'], x['kind'], x['n'], x['rejected']) for x in m.get('/api/sources').json['items']] == [
            (name, 'file', 1000, 3)]
        # The same again, under another name and packed: nothing new, neither stored nor held back.
        job = counts_add_up(take(m, 'again.csv.gz', gzip.compress(rows_of(1000) + bad)))
        assert (job['state'], job['rows'], job['taken'], job['repeated'], job['rejected']) == ('done', 1003, 0, 1000, 3), job
        assert stored(m) == 1000 and m.get('/api/quarantine').json['total'] == 3
        assert uploads(s) == [], 'a file that was taken in is not kept'
        # Trying stores nothing and keeps the file.
        job = counts_add_up(take(m, 'more.csv', rows_of(10, 5000), dry_run=True))
        assert (job['state'], job['rows'], job['dry_run']) == ('done', 10, True), job
        assert stored(m) == 1000 and len(uploads(s)) == 1
        listed = m.get('/api/import/jobs').json['items']
        assert [j['name'] for j in listed] == ['more.csv', 'again.csv.gz', 'calls.csv'], listed
        page, pages = m.get('/api/import/jobs', limit=1).json, []
        while page['next']:
            pages += page['items']
            page = m.get('/api/import/jobs', limit=1, before=page['next']).json
        assert pages + page['items'] == listed and len(pages) > 1
        acts = [i['what'] for i in m.get('/api/audit', what='import.').json['items']]
        assert acts.count('import.done') == 3 and acts.count('import.start') == 3 and acts.count('import.upload') == 3


def of_a_damaged_file_nothing_is_taken():
    with serving() as s:
        m = s.everybody()['manager']
        packed = bytearray(gzip.compress(rows_of(20000)))
        packed[len(packed) // 2:len(packed) // 2 + 7] = bytes(7)
        job = counts_add_up(take(m, 'damaged.csv.gz', bytes(packed)))
        assert (job['state'], job['rows'], job['taken']) == ('failed', 0, 0), job
        assert job['message'].startswith('damaged.csv.gz is damaged at or before offset '), job
        assert 'nothing of it was taken' in job['message'], job
        assert stored(m) == 0 and m.get('/api/quarantine').json['total'] == 0


def a_mapping_is_guessed_and_looked_at():
    with serving() as s:
        m = s.everybody()['manager']
        body = ('Customer_ID;Mail;Datum;Ereignis;Wartezeit_min;Gelöst;Ort\n'
                'k-1;Anna@Example.org;01.03.2026 10:15;Call Ended;2,5;Ja;Kiel\n'
                'k-2;bert@example.org;29.03.2026 11:00;Call Ended;0,25;Nein;Kiel\n').encode('windows-1252')
        sent = send(m, 'C:\\Users\\me\\Anrufe 2026.csv', body)
        assert sent.status == 201, sent
        up = sent.json
        assert up['name'] == 'Anrufe 2026.csv' and up['format'] == 'csv' and up['bytes'] == len(body), up
        assert [c['name'] for c in up['columns']][:3] == ['Customer_ID', 'Mail', 'Datum']
        assert up['columns'][0]['samples'] == ['k-1', 'k-2']
        look = m.post('/api/import/preview', {'file': up['file'], 'mapping': up['mapping']})
        assert look.status == 200 and look.json['problems'] == [] and look.json['rejected'] == [], (look, up['mapping'])
        first, second = look.json['items']
        assert first['customer'] == 'user:k-1' and first['event'] == 'Call Ended', first
        assert first['at'].startswith('2026-03-01T10:15:00') and second['at'].startswith('2026-03-29T11:00:00')
        assert first['measures']['wait'] == 150 and second['measures']['wait'] == 15, (first, second)
        assert first['measures']['resolved'] == 1 and second['measures']['resolved'] == 0
        assert first['properties']['Ort'] == 'Kiel' and 'Mail' not in first['properties'], first
        a = start(m, up['file'], up['mapping'])
        assert over(m, a.json['job'])['taken'] == 2
        # A line of JSON, an event log, a file without a header.
        up = send(m, 'clicks.ndjson', b'{"user":{"id":"u-1"},"time":1772360000,"type":"Call Ended","n":{"deep":1}}\n').json
        assert up['format'] == 'ndjson' and {c['name'] for c in up['columns']} == {'user.id', 'time', 'type', 'n.deep'}
        look = m.post('/api/import/preview', {'file': up['file'], 'mapping': up['mapping']}).json
        assert look['problems'] == [] and len(look['items']) == 1, (look, up['mapping'])
        assert look['items'][0]['customer'] == 'user:u-1', look
        xes = (b'<log><trace><string key="concept:name" value="t1"/><event><string key="concept:name" value="Call Ended"/>'
               b'<date key="time:timestamp" value="2026-03-01T10:00:00Z"/></event></trace></log>')
        up = send(m, 'log.xes', xes).json
        assert up['format'] == 'xes'
        look = m.post('/api/import/preview', {'file': up['file'], 'mapping': up['mapping']}).json
        assert [i['customer'] for i in look['items']] == ['case:t1'], look
        up = send(m, 'bare.csv', b'u-1,2026-03-01 10:00,Call Ended\nu-2,2026-03-02 10:00,Call Ended\n').json
        assert [c['name'] for c in up['columns']] == ['1', '2', '3'] and len(up['columns'][0]['samples']) == 2, up


def every_mistake_is_told_with_its_place():
    with serving() as s:
        c = s.everybody()
        m = c['manager']
        file = send(m, 'calls.csv', rows_of(20)).json['file']
        wrong = MAPPING.replace('"{call}"', '"{cal}"')
        look = m.post('/api/import/preview', {'file': file, 'mapping': wrong}).json
        assert look['items'] == [] and len(look['problems']) == 1, look
        p = look['problems'][0]
        assert p['line'] == 6 and 'cal' in p['message'] and 'did you mean "call"' in p['remedy'], p
        p = m.post('/api/import/preview', {'file': file, 'mapping': 'mapping: 1\nsorce: x\n'}).json['problems'][0]
        assert p['line'] == 2 and 'source' in p['remedy'], p
        a = start(m, file, 'mapping: 1\nsorce: x\n')
        assert a.status == 400 and 'source' in a.json['detail'], a
        # A column that is not there is found when the file is opened: the job fails, and says so.
        a = start(m, file, wrong)
        assert a.status == 202, a
        job = over(m, a.json['job'])
        assert job['state'] == 'failed' and 'no column "cal"' in job['message'] and 'did you mean' in job['message'], job
        assert m.get('/api/audit', what='import.failed').json['items'][0]['on'] == 'calls.csv'
        # The file is still there: mend the mapping and go on.
        assert over(m, start(m, file).json['job'])['taken'] == 20
        a = start(m, file)
        assert a.status == 404 and 'send it again' in a.json['detail'], a
        for body in ({}, {'file': file}, {'file': 7, 'mapping': ''}, {'file': 'x', 'mapping': MAPPING, 'dry_run': 'no'}):
            assert m.post('/api/import', body).status == 400, body
        for token in ('../access.db', '0' * 32, '', 'g' * 32, '../' * 10 + 'etc'):
            assert m.post('/api/import', {'file': token, 'mapping': MAPPING}).status == 404, token
        for name in (None, '', '.hidden', '..', 'folder/', 'a\nb', 'x' * 300):
            a = m.ask('POST', '/api/import/files', body=b'x', raw=True, query={'name': name} if name is not None else {})
            assert a.status == 400, (name, a)
        assert send(m, 'empty.csv', b'').status == 400
        a = send(m, 'wide.csv', 'a,b\n1,2\n'.encode('utf-16'))
        assert a.status == 400 and 'UTF-16' in a.json['detail'] and s.data not in a.json['detail'], a
        a = send(m, 'calls.zip', b'PK\x03\x04' + bytes(100))
        assert a.status == 400 and 'zip' in a.json['detail'], a
        a = send(m, 'list.json', b'[{"a":1}]')
        assert a.status == 400 and 'jq' in a.json['detail'], a
        a = m.ask('POST', '/api/import/files', body=gzip.compress(rows_of(3)), raw=True, query={'name': 'a.csv'},
                  headers={'Content-Encoding': 'gzip'})
        assert a.status == 415, a
        for role in ('viewer', 'agent', 'owner'):
            assert send(c[role], 'calls.csv', rows_of(1)).status == 403
            assert c[role].get('/api/import/jobs').status == 403
            assert start(c[role], file).status == 403
        assert uploads(s) == [], 'what could not be read is not kept'


def large_files_go_to_the_disk_and_not_further():
    with serving(options=('--limit', 'upload-bytes=2097152')) as s:
        m = s.everybody()['manager']
        big = rows_of(60000)
        assert len(big) > 2 << 20
        a = send(m, 'big.csv', big)
        assert a.status == 413 and 'corridor import' in a.json['detail'] and 'upload-bytes' in a.json['detail'], a
        # In chunks, without a length: refused as soon as it is too much.
        def chunked(pieces):
            c = http.client.HTTPConnection('127.0.0.1', s.port, timeout=60)
            c.putrequest('POST', '/api/import/files?name=calls.csv')
            for k, v in (('Cookie', m.cookie), ('X-CSRF-Token', m.csrf), ('Transfer-Encoding', 'chunked')):
                c.putheader(k, v)
            c.endheaders()
            try:
                for p in pieces:
                    c.send(b'%x\r\n%s\r\n' % (len(p), p))
                c.send(b'0\r\n\r\n')
            except OSError:
                pass  # the server has answered already
            r = c.getresponse()
            body = r.read()
            c.close()
            return r.status, json.loads(body)
        status, _ = chunked([big[i:i + 100000] for i in range(0, len(big), 100000)])
        assert status == 413, status
        small = rows_of(20000)
        status, up = chunked([small[i:i + 7777] for i in range(0, len(small), 7777)])
        assert status == 201 and up['bytes'] == len(small), (status, up)
        assert over(m, start(m, up['file']).json['job'])['taken'] == 20000
        # Broken off in the middle: nothing is left of it.
        c = http.client.HTTPConnection('127.0.0.1', s.port, timeout=60)
        c.putrequest('POST', '/api/import/files?name=calls.csv')
        for k, v in (('Cookie', m.cookie), ('X-CSRF-Token', m.csrf), ('Content-Length', str(len(small)))):
            c.putheader(k, v)
        c.endheaders()
        c.send(small[:300000])
        assert wait_for(lambda: uploads(s)), 'the file is not being received'
        c.close()
        assert wait_for(lambda: not uploads(s)), 'half of a file is left'


def tracking_goes_on_meanwhile():
    n_rows, senders = 400000, 3
    with serving() as s:
        c = s.everybody()
        m, admin = c['manager'], c['administrator']
        key = admin.post('/api/keys', {'kind': 'write', 'name': 'web', 'source': 'shop'}).json['key']
        auth = {'Authorization': 'Basic ' + base64.b64encode(f'{key}:'.encode()).decode()}
        answered, stop, wrong = [0] * senders, threading.Event(), []

        def track(k):
            client = s.client(**auth)
            while not stop.is_set():
                a = client.post('/v1/track', {'userId': f't-{k}', 'event': 'Order Completed',
                                              'messageId': f'm-{k}-{answered[k]}'})
                if a.status == 200:
                    answered[k] += 1
                elif a.status not in (429, 503):
                    wrong.append(a)
        threads = [threading.Thread(target=track, args=(k,)) for k in range(senders)]
        for t in threads:
            t.start()
        first, second = send(m, 'a.csv', rows_of(n_rows)).json, send(m, 'b.csv', rows_of(1000, n_rows - 500)).json
        jobs = [start(m, first['file']).json['job'], start(m, second['file']).json['job']]
        assert wait_for(lambda: m.get(f'/api/import/jobs/{jobs[0]}').json['state'] != 'queued')
        waiting = m.get(f'/api/import/jobs/{jobs[1]}').json
        during = sum(answered)
        # Nothing else that needs the store for itself may run beside it, and it says what does.
        busy = m.post('/api/quarantine/replay', {'all': True})
        a = over(m, jobs[0], 300)
        assert busy.status == 503 and 'imported' in busy.json['detail'] or waiting['state'] != 'queued', (busy, waiting)
        assert sum(answered) > during, 'tracking stood still during the import'
        b = over(m, jobs[1], 60)
        assert b['began'] >= a['ended'], (a, b)
        stop.set()
        for t in threads:
            t.join()
        assert not wrong, wrong[:3]
        assert (a['taken'], a['repeated'], a['rejected']) == (n_rows, 0, 0), a
        assert (b['taken'], b['repeated']) == (500, 500), b
        assert stored(m) == n_rows + 500 + sum(answered)
        by_source = {r['source']: r['interactions'] for r in m.get('/api/query/volume', by='source').json['rows']}
        assert by_source['shop'] == sum(answered) and by_source['calls'] == n_rows + 500, by_source


def a_kill_loses_nothing_and_doubles_nothing():
    n_rows = 1200000
    with serving() as s:
        m = s.everybody()['manager']
        file = send(m, 'calls.csv', rows_of(n_rows)).json['file']
        waits = send(m, 'later.csv', rows_of(10, n_rows)).json['file']
        job = start(m, file).json['job']
        second = start(m, waits).json['job']
        half = wait_for(lambda: (lambda j: j if j['rows'] else None)(m.get(f'/api/import/jobs/{job}').json), 120)
        assert half['state'] == 'running' and 0 < half['rows'] < n_rows, half
        s.process.send_signal(signal.SIGKILL)
        s.process.wait()
        s.process.stdout.close()
        s.start()
        m.port = s.port
        was = m.get(f'/api/import/jobs/{job}').json
        assert was['state'] == 'failed' and 'nothing comes in twice' in was['message'], was
        assert half['rows'] <= stored(m) < n_rows + 10
        # What waited goes on by itself; what was interrupted is asked for again, with the same file.
        assert over(m, second)['taken'] == 10
        again = counts_add_up(over(m, start(m, file).json['job'], 300))
        assert again['state'] == 'done' and again['rows'] == n_rows and again['rejected'] == 0, again
        assert again['taken'] + again['repeated'] == n_rows and again['repeated'] >= half['rows'], again
        assert stored(m) == n_rows + 10
        assert uploads(s) == []


def an_orderly_end_puts_it_back_in_the_queue():
    n_rows = 1200000
    with serving() as s:
        m = s.everybody()['manager']
        job = start(m, send(m, 'calls.csv', rows_of(n_rows)).json['file']).json['job']
        assert wait_for(lambda: m.get(f'/api/import/jobs/{job}').json['rows'], 120)
        assert s.stop() == 0
        s.start()
        m.port = s.port
        done = over(m, job, 300)
        assert done['state'] == 'done' and done['taken'] + done['repeated'] == n_rows and done['repeated'] > 0, done
        assert stored(m) == n_rows


def what_runs_and_what_waits_can_be_cancelled():
    n_rows = 800000
    with serving() as s:
        c = s.everybody()
        m = c['manager']
        file = send(m, 'calls.csv', rows_of(n_rows)).json['file']
        waits = send(m, 'later.csv', rows_of(10, n_rows)).json['file']
        job, second, third = (start(m, f).json['job'] for f in (file, waits, waits))

        def cancel(client, job):
            return client.ask('DELETE', f'/api/import/jobs/{job}', body={})
        assert cancel(c['owner'], job).status == 403
        # What waits is taken out of the queue at once; what is behind it keeps its turn.
        a = cancel(c['administrator'], second)
        assert a.status == 200 and a.json['state'] == 'cancelled' and a.json['rows'] == a.json['taken'] == 0, a
        assert 'cancelled by administrator@tidewater.example' in a.json['message'], a
        assert wait_for(lambda: m.get(f'/api/import/jobs/{job}').json['rows'], 120)
        a = cancel(m, job)
        assert a.status == 200 and a.json['state'] in ('running', 'cancelled'), a
        was = counts_add_up(over(m, job))
        assert was['state'] == 'cancelled' and 0 < was['rows'] < n_rows and was['taken'] == was['rows'], was
        assert f"cancelled by manager@tidewater.example after {was['rows']} rows" in was['message'], was
        assert 'what was taken in stays' in was['message'] and 'nothing comes in twice' in was['message'], was
        assert over(m, third)['taken'] == 10
        assert stored(m) == was['taken'] + 10
        for gone, status in ((job, 409), (second, 409), (third, 409), (99999, 404)):
            assert cancel(m, gone).status == status, gone
        # The same file again: what was read is known, the rest comes in.
        s.stop()
        s.start()
        m.port = s.port
        assert [m.get(f'/api/import/jobs/{j}').json['state'] for j in (job, second)] == ['cancelled', 'cancelled']
        again = counts_add_up(over(m, start(m, file).json['job'], 300))
        assert (again['state'], again['rows'], again['repeated']) == ('done', n_rows, was['taken']), again
        assert stored(m) == n_rows + 10
        acts = [(i['what'], i['on']) for i in m.get('/api/audit', what='import.').json['items']
                if i['what'].startswith('import.cancel')]
        assert sorted(acts) == [('import.cancel', 'calls.csv'), ('import.cancel', 'later.csv'),
                                ('import.cancelled', 'calls.csv'), ('import.cancelled', 'later.csv')], acts


if __name__ == '__main__':
    main([each_row_is_accounted_for, of_a_damaged_file_nothing_is_taken, a_mapping_is_guessed_and_looked_at, every_mistake_is_told_with_its_place,
          large_files_go_to_the_disk_and_not_further, tracking_goes_on_meanwhile,
          a_kill_loses_nothing_and_doubles_nothing, an_orderly_end_puts_it_back_in_the_queue,
          what_runs_and_what_waits_can_be_cancelled])
