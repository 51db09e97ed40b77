# SPDX-License-Identifier: Apache-2.0
"""Honest senders are served while others misbehave, the memory stays bounded, and the server stops as ever."""
import re
import subprocess
import sys
import time

import misbehave
from serving import main, serving

ROUNDS, MESSAGES = 60, 20
MEMORY_MIB = 700  # the bound of all bodies under way is 512


def anonymous_mib(server):
    with open(f'/proc/{server.process.pid}/status') as f:
        return int(re.search(r'RssAnon:\s+(\d+) kB', f.read())[1]) / 1024


def honest_while_others_misbehave():
    with serving(options=('--limit', 'header-ms=2000', '--limit', 'body-ms=2000')) as s:
        c = s.everybody()
        key = c['administrator'].post('/api/keys', {'name': 'till', 'kind': 'write', 'source': 'till'}).json['key']
        others = subprocess.Popen([sys.executable, misbehave.__file__, str(s.port), key])
        try:
            highest = 0
            for i in range(ROUNDS):
                batch = [{'type': 'track', 'event': 'Sold', 'messageId': f'{i}-{j}', 'userId': f'u-{j}'}
                         for j in range(MESSAGES)]
                a = s.client().ask('POST', '/v1/batch', body={'batch': batch}, headers={'X-Write-Key': key})
                assert a.status == 200, a
                assert c['manager'].get('/api/interactions', limit=1).status == 200
                highest = max(highest, anonymous_mib(s))
                time.sleep(0.05)
        finally:
            others.terminate()
            others.wait()
        print(f'# memory at its highest: {highest:.0f} MiB')
        # Under the sanitizers memory that was freed is kept for a while.
        assert highest < MEMORY_MIB or 'asan' in s.corridor, highest
        n = c['manager'].post('/api/sql', {'sql': "SELECT count(*) FROM interactions WHERE source = 'till'"}).json['rows']
        assert n == [[ROUNDS * MESSAGES]], n
        text = c['administrator'].get('/metrics').body.decode()
        assert float(re.search(r'^corridor_http_timed_out_total (\S+)$', text, re.M)[1]) > 0, 'nobody was too slow'


def limits_can_be_set():
    with serving(options=('--limit', 'message-bytes=2048', '--limit', 'batch-bytes=4096')) as s:
        c = s.everybody()
        key = c['administrator'].post('/api/keys', {'name': 'till', 'kind': 'write', 'source': 'till'}).json['key']

        def send(*sizes):
            batch = [{'type': 'track', 'event': 'Sold', 'messageId': f'm{time.time_ns()}', 'userId': 'u',
                      'properties': {'text': 'x' * n}} for n in sizes]
            return s.client().ask('POST', '/v1/batch', body={'batch': batch}, headers={'X-Write-Key': key})
        assert send(1500).status == 200
        assert c['manager'].get('/api/quarantine').json['total'] == 0
        assert send(1500, 1500).status == 200
        assert send(2100).status == 200
        items = c['manager'].get('/api/quarantine').json
        assert items['total'] == 1 and '2' in items['items'][0]['reason'], items
        assert send(2000, 2000, 2000).status == 413
        for wrong in ('message-bytes', 'message-bytes=x', 'message-bytes=1', 'mesage-bytes=2048', 'x=1'):
            p = subprocess.run([s.corridor, 'serve', '--data', s.data, '--limit', wrong], capture_output=True, text=True)
            assert p.returncode == 2 and 'message-bytes' in p.stderr, p


if __name__ == '__main__':
    main([honest_while_others_misbehave, limits_can_be_set])
