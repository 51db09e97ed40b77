# SPDX-License-Identifier: Apache-2.0
"""Each resource of the management API: that it answers, and what it says to mistakes."""
import datetime
import json
import re
import threading

from serving import main, serving, wait_for

YEAR = ('--persons', '300', '--quiet')


def overview_agrees_with_the_analyses():
    with serving(simulate=YEAR) as s:
        c = s.everybody()['viewer']
        for period in ({}, {'from': '2026-03', 'to': '2026-05'}, {'where': 'channel = app'}):
            o = c.get('/api/overview', **period).json
            gap = c.get('/api/query/gap', **period).json
            rows = {(r['touchpoint'], r['expectation']): r for r in gap['rows']}
            told = 0
            for t in o['touchpoints']:
                assert sum(t['volume']) == t['n']
                assert len(t['volume']) == len(o['labels'])
                for x in t['expectations']:
                    row = rows.get((t['key'], x['key']))
                    if not row or not row['n']:
                        assert x['n'] == 0 and x['gap'] is None and x['verdict'] == 'no data', x
                        continue
                    told += 1
                    for name in ('n', 'gap', 'gap_low', 'gap_high', 'experience', 'share_kept', 'verdict', 'target'):
                        assert x[name] == row[name], (t['key'], x['key'], name, x[name], row[name])
                    assert sum(n or 0 for n in x['trend']['n']) == x['n']
                    assert all(len(v) == len(o['labels']) for v in x['trend'].values())
            assert told > 0
            volume = c.get('/api/query/volume', customers='true', **period).json
            assert o['n'] == volume['n'] == sum(t['n'] for t in o['touchpoints']) + o['unmatched']
            assert o['customers'] == volume['rows'][0]['customers']
            promises = c.get('/api/query/promises', **period).json['rows']
            if promises and promises[0]['made']:
                assert o['promises']['made'] == promises[0]['made']
        assert c.get('/api/overview', **{'from': '2026-03-01', 'to': '2026-03-31'}).json['bucket'] == 'day'
        assert c.get('/api/overview', **{'from': '2026-03', 'to': '2026-05'}).json['bucket'] == 'week'
        assert c.get('/api/overview').json['bucket'] == 'month'
        for wrong in ({'bucket': 'minute'}, {'from': 'nonsense'}, {'where': 'nothing = 3'}, {'limit': '3'}):
            assert c.get('/api/overview', **wrong).status == 400, wrong


def interactions_come_newest_first_and_each_once():
    with serving(simulate=YEAR) as s:
        c = s.everybody()
        m = c['manager']
        for where in ([], ['touchpoint = complaint'], ['csat <= 2', 'channel = app']):
            for limit in (7, 100, 500):
                seen, before = [], None
                for _ in range(60):
                    page = m.get('/api/interactions', limit=limit, before=before, where=where).json
                    seen += page['items']
                    before = page['next']
                    if not before:
                        break
                    assert len(page['items']) == limit
                n = m.get('/api/query/volume', where=where).json['n']
                times = [i['at'] for i in seen]
                instants = m.post('/api/sql', {'sql': 'SELECT 1'})  # the server still answers
                assert instants.status == 200
                places = [(i['at'], i['person'], i['event'], json.dumps(i['measures'])) for i in seen]
                assert len(places) == min(n, limit * 60)
                assert len(set(places)) >= len(places) - 2  # the same may have happened twice at once
                keys = [_utc(t) for t in times]
                assert keys == sorted(keys, reverse=True)
        first = m.get('/api/interactions', limit=1).json['items'][0]
        assert set(first) >= {'at', 'person', 'customer', 'touchpoint', 'stage', 'channel', 'event', 'measures', 'id'}
        for role in ('viewer',):
            item = c[role].get('/api/interactions', limit=1).json['items'][0]
            assert not {'person', 'customer', 'text', 'properties'} & set(item), item
        for wrong in ({'before': 'x'}, {'before': '1.2.3'}, {'limit': '0'}, {'limit': '501'}, {'where': 'x ='},
                      {'by': 'channel'}, {'from': 'yesterday'}):
            assert m.get('/api/interactions', **wrong).status == 400, wrong
        assert m.get('/api/interactions', from_='2031').json == {'items': [], 'next': None}


def _utc(text):
    import datetime
    return datetime.datetime.fromisoformat(text).timestamp()


def a_customers_story():
    with serving(simulate=YEAR) as s:
        m = s.everybody()['manager']
        item = m.get('/api/interactions', limit=1, where='touchpoint = complaint').json['items'][0]
        by_name = m.get('/api/persons/' + item['customer']).json
        by_key = m.get('/api/persons/' + item['person']).json
        assert by_name == by_key and by_name['key'] == item['person']
        assert item['customer'] in by_name['identities']
        assert by_name['n'] == len(by_name['story']['rows']) and by_name['n'] > 0
        assert by_name['story']['rows'][0]['at'] == by_name['first']
        assert by_name['story']['rows'][-1]['at'] == by_name['last']
        for nobody in ('user:nobody', '0123456789abcdef', 'nobody'):
            assert m.get('/api/persons/' + nobody).status == 404
        found = m.get('/api/search', q=item['customer']).json['items']
        assert [p['key'] for p in found] == [item['person']]
        part = item['customer'].split(':')[1][:-1]
        found = m.get('/api/search', q=part.upper()).json['items']
        assert item['person'] in [p['key'] for p in found] and len(found) <= 20
        assert m.get('/api/search', q='no such customer').json['items'] == []
        assert m.get('/api/search', q='x').status == 400
        # Pages: everybody once, whoever is found by the whole identity first.
        name = item['customer'].split(':')[1]
        everybody, answer = [], m.get('/api/search', q=name[:2], limit=100).json
        while True:
            everybody += [p['key'] for p in answer['items']]
            assert answer['truncated'] == (answer['next'] is not None)
            if not answer['next']:
                break
            answer = m.get('/api/search', q=name[:2], limit=100, after=answer['next']).json
        assert len(everybody) == len(set(everybody)) > 40 and item['person'] in everybody
        few, answer = [], m.get('/api/search', q=name, limit=1).json
        while answer['next'] and len(few) < 1000:
            few += [p['key'] for p in answer['items']]
            answer = m.get('/api/search', q=name, limit=1, after=answer['next']).json
        few += [p['key'] for p in answer['items']]
        assert few[0] == item['person'] and few.count(item['person']) == 1, few
        assert m.get('/api/search', q=name, after='soon').status == 400


def expected_anew_are_those_that_gap_counts(client, text):
    """Every target of the sample's corridor is changed at once; the delay and the csat of a touch point differ in n."""
    rows = {f'{r["touchpoint"]}: expectation {r["expectation"]}': r['n'] for r in client.get('/api/query/gap').json['rows']}
    softer = re.sub(r'(for: )(\d+)%', lambda x: f'{x[1]}{int(x[2]) - 1}%', text)
    changes = client.post('/api/design/diff', {'text': softer}).json['changes']
    told = {x['text'][:x['text'].index(':', x['text'].index(': ') + 1)]: x['rescored'] for x in changes}
    assert len(told) > 3 and all(rows[key] == n for key, n in told.items()), (told, rows)


def the_corridor_file():
    with serving(simulate=YEAR) as s:
        c = s.everybody()
        m = c['manager']
        text = m.get('/api/design/text').json
        assert text['version'] == 1 and m.get('/api/design').json['version'] == 1
        assert m.post('/api/design/check', {'text': text['text']}).json['problems'] == []
        problems = m.post('/api/design/check', {'text': text['text'] + '\nbad: ['}).json['problems']
        assert problems and problems[0]['line'] > 1 and problems[0]['message']
        changed = text['text'].replace('importance: 3', 'importance: 2', 1)
        diff = m.post('/api/design/diff', {'text': changed}).json
        assert [x['sign'] for x in diff['changes']] == ['~'] and 'importance' in diff['changes'][0]['text']
        assert 'rescored' not in diff['changes'][0]
        expected_anew_are_those_that_gap_counts(m, text['text'])
        assert c['viewer'].post('/api/design', {'text': changed}).status == 403
        assert m.post('/api/design', {'text': 'nonsense'}).status == 400
        assert m.post('/api/design', {'text': changed}).json['version'] == 2
        now = m.get('/api/design/text').json
        assert (now['version'], now['text']) == (2, changed)
        assert m.get('/api/design/text', version='1').json == text
        assert m.get('/api/design/text', version='3').status == 404
        versions = m.get('/api/design/versions').json['items']
        assert [v['version'] for v in versions] == [2, 1] and versions[0]['who'] == 'manager@tidewater.example'
        entry = m.get('/api/audit', what='design.publish').json['items'][0]
        assert entry['who'] == 'manager@tidewater.example' and entry['on'] == 'version 2'



def the_quarantine_is_replayed():
    with serving(simulate=YEAR) as s:
        c = s.everybody()
        m, admin = c['manager'], c['administrator']
        key = admin.post('/api/keys', {'kind': 'write', 'name': 'web', 'source': 'shop'}).json['key']
        sender = s.client()
        good = {'type': 'track', 'userId': 'u-1', 'event': 'Order Completed', 'messageId': 'm-1'}
        # A channel that the corridor file does not declare yet.
        event = {'specversion': '1.0', 'id': 'e-1', 'source': '/desk', 'type': 'Ticket', 'subject': 'u-1',
                 'channel': 'telepathy', 'data': {'words': 'none'}}
        batch = {'batch': [good, {'type': 'track', 'event': 'nobody'}]}
        a = sender.post('/v1/batch', batch, headers={'Authorization': basic(key)})
        assert a.status == 200, a
        a = sender.ask('POST', '/events', body=json.dumps([event]).encode(), raw=True, headers={
            'Content-Type': 'application/cloudevents-batch+json', 'Authorization': basic(key)})
        assert a.status == 200, a
        binary = {'ce-' + k: v for k, v in event.items() if k != 'data'}
        a = sender.ask('POST', '/events', body=b'{"words": "two"}', raw=True, headers={
            **binary, 'ce-id': 'e-2', 'Content-Type': 'application/json', 'Authorization': basic(key)})
        assert a.status == 200, a
        page = m.get('/api/quarantine').json
        # A binary event's channel is an extension that is not read; it is understood at once.
        held = [i for i in page['items'] if 'channel' in i['reason']]
        assert page['total'] == len(page['items']) >= 2 and held, page
        assert [i['id'] for i in page['items']] == sorted((i['id'] for i in page['items']), reverse=True)
        one = m.get('/api/quarantine', limit='1').json
        rest = m.get('/api/quarantine', before=one['next']).json
        assert one['items'] + rest['items'] == page['items'] and rest['next'] is None
        before = m.get('/api/query/volume').json['n']
        assert m.post('/api/quarantine/replay', {'all': True}).json['taken'] == 0
        text = m.get('/api/design/text').json['text']
        assert '\nchannels:' in text
        at = text.index('\nchannels:') + len('\nchannels:')
        line = text[at:].split('\n')[0]
        if '{' in line:
            text = text[:at] + line.replace('{', '{telepathy: digital, ', 1) + text[at + len(line):]
        else:
            text = text[:at + len(line)] + '\n  telepathy: digital' + text[at + len(line):]
        a = m.post('/api/design', {'text': text})
        assert a.status == 200, a
        ids = [i['id'] for i in held]
        a = m.post('/api/quarantine/replay', {'ids': ids + [10 ** 9]}).json
        assert a['taken'] == len(ids) and a['rejected'] == 0, a
        assert m.get('/api/query/volume').json['n'] == before + len(ids)
        taken = m.get('/api/interactions', where='channel = telepathy').json['items']
        assert len(taken) == len(ids) and taken[0]['source'] == 'shop' and taken[0]['event'] == 'Ticket'
        sources = {x['name']: x for x in m.get('/api/sources').json['items']}
        assert sources['shop']['kind'] == 'tracking' and sources['shop']['rejected'] == page['total'] - len(ids)
        left = m.get('/api/quarantine').json['items']
        assert m.post('/api/quarantine/drop', {'ids': [left[0]['id']]}).json == {'dropped': 1}
        assert m.post('/api/quarantine/drop', {'all': True}).json == {'dropped': len(left) - 1}
        assert m.get('/api/quarantine').json == {'items': [], 'next': None, 'total': 0}
        for wrong in ({}, {'ids': 'x'}, {'ids': ['x']}, {'all': True, 'ids': [1]}, {'all': False}):
            assert m.post('/api/quarantine/replay', wrong).status == 400, wrong
        assert c['agent'].get('/api/quarantine').status == 403


def basic(key):
    import base64
    return 'Basic ' + base64.b64encode(f'{key}:'.encode()).decode()


def sql_only_reads():
    with serving(simulate=YEAR) as s:
        c = s.everybody()
        m = c['manager']
        a = m.post('/api/sql', {'sql': 'SELECT channel, count(*) AS n, avg(csat) FROM interactions GROUP BY 1 -- end'})
        assert a.status == 200, a
        assert [x['name'] for x in a.json['columns']] == ['channel', 'n', 'avg(csat)']
        assert [x['type'] for x in a.json['columns']] == ['text', 'integer', 'number']
        assert sum(r[1] for r in a.json['rows']) == m.get('/api/query/volume').json['n']
        a = m.post('/api/sql', {'sql': 'SELECT * FROM people', 'limit': 5}).json
        assert len(a['rows']) == 5 and a['truncated']
        assert not m.post('/api/sql', {'sql': 'VALUES(1)'}).json['truncated']
        for wrong in ('', 'SELEC 1', 'SELECT 1; SELECT 2', 'CREATE TABLE t(a)', 'DELETE FROM interactions',
                      "ATTACH 'x.db' AS x", 'PRAGMA query_only = OFF', "SELECT load_extension('x')",
                      'INSERT INTO interactions VALUES(1)', 'VACUUM', "SELECT writefile('x', 'y')",
                      "SELECT readfile('/etc/passwd')", 'BEGIN', 'SELECT 1 FROM nothing'):
            a = m.post('/api/sql', {'sql': wrong})
            assert a.status == 400, (wrong, a)
        assert m.post('/api/sql', {'sql': 'VALUES(1)', 'limit': 0}).status == 400
        assert m.post('/api/sql', {'sql': 'VALUES(1)\0'}).status == 400
        assert c['agent'].post('/api/sql', {'sql': 'VALUES(1)'}).status == 403
        # Others get their answers while a long statement runs, and stopping the server ends it.
        endless = 'WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n'
        # It is refused itself when it meets one of the questions below, and then asks again.
        told = []
        thread = threading.Thread(target=lambda: _quietly(
            lambda: wait_for(lambda: told.append(m.post('/api/sql', {'sql': endless})) or told[-1].status != 503)))
        thread.start()
        busy = wait_for(lambda: next((a for a in [m.post('/api/sql', {'sql': 'VALUES(1)'})] if a.status == 503), None))
        assert busy and busy.headers.get_all('Retry-After') == ['1'], (busy, told)
        assert m.get('/api/query/volume').status == 200
        assert s.stop() == 0
        thread.join()
        assert told[-1].status == 503 and 'interrupted' in told[-1].json['detail'], told


def _quietly(act):
    try:
        act()
    except Exception:
        pass


def signing_in():
    with serving() as s:
        clients = s.everybody()
        nobody = s.client()
        assert nobody.get('/api/session').json['user'] is None
        for email, password in (('administrator@tidewater.example', 'wrong password'), ('no@body.example', 'x')):
            a = nobody.post('/api/session', {'email': email, 'password': password})
            assert a.status == 403 and not a.headers['Set-Cookie'], a
        answers = [nobody.post('/api/session', {'email': 'viewer@tidewater.example', 'password': 'x'})
                   for _ in range(12)]
        assert answers[-1].status == 429 and int(answers[-1].headers['Retry-After']) > 0, answers[-1]
        link = clients['administrator'].post('/api/users', {
            'name': 'Eve', 'email': 'eve@tidewater.example', 'role': 'agent'}).json['link']
        token = link.rsplit('/', 1)[1]
        eve = s.client()
        a = eve.post('/api/sign-in-link', {'token': token})
        assert a.status == 200, a
        cookie = a.headers['Set-Cookie']
        assert 'HttpOnly' in cookie and 'SameSite=' in cookie
        assert eve.get('/api/session').json['user']['name'] == 'Eve'
        assert s.client().post('/api/sign-in-link', {'token': token}).status == 403
        eve.csrf = a.json['csrf']
        assert eve.ask('DELETE', '/api/session', body={}).status == 200
        assert eve.get('/api/design').status == 401
        assert nobody.post('/api/setup', {'token': 'x', 'name': 'x', 'email': 'x@x.example',
                                          'password': 'long enough a password'}).status in (403, 409)


def customers_are_named_only_to_those_who_may_see_them():
    with serving(simulate=YEAR) as s:
        c = s.everybody()
        item = c['agent'].get('/api/interactions', limit=1).json['items'][0]
        for path, query in (('/api/query/journey', {'customer': item['customer']}),
                            ('/api/query/retention', {'persons': '0,0'})):
            told, refused = c['agent'].get(path, **query), c['viewer'].get(path, **query)
            if told.status == 200:
                assert refused.status == 403, (path, refused)
        assert c['agent'].get('/api/query/journey', customer=item['customer']).status == 200


def dashboards_and_shares():
    with serving(simulate=YEAR) as s:
        c = s.everybody()
        owner = c['owner']
        tiles = [{'title': 'Experience', 'view': '/journeys/gap?where=channel%20%3D%20app'}]
        a = owner.post('/api/dashboards', {'title': 'Monday', 'tiles': tiles})
        assert a.status == 201, a
        board = a.json
        other = owner.post('/api/dashboards', {'title': 'Other', 'tiles': []}).json
        assert board['tiles'] == tiles and board['title'] == 'Monday'
        a = owner.ask('PUT', '/api/dashboards/' + board['id'], body={'title': 'Tuesday', 'tiles': tiles})
        assert a.status == 200 and a.json['title'] == 'Tuesday', a
        items = c['viewer'].get('/api/dashboards').json['items']
        assert [b['title'] for b in items] == ['Tuesday', 'Other']
        assert c['viewer'].post('/api/dashboards', {'title': 'x'}).status == 403
        for wrong in ({}, {'title': ''}, {'title': 'x', 'tiles': {}}, {'title': 'x', 'tiles': [{'title': 'y'}]},
                      {'title': 'x', 'tiles': [{'title': 'y', 'view': 'https://evil.example'}]}):
            assert owner.post('/api/dashboards', wrong).status == 400, wrong
        assert owner.ask('PUT', '/api/dashboards/999', body={'title': 'x'}).status == 404
        path = '/dashboards/' + board['id']
        a = owner.post('/api/shares', {'path': path, 'title': 'For the board', 'days': 7})
        assert a.status == 201, a
        token = a.json['url'].rsplit('/', 1)[1]
        guest = s.client()
        assert guest.get('/api/dashboards').status == 401
        wrong = token[:-1] + ('y' if token.endswith('x') else 'x')
        assert guest.open_share(wrong).status == 403
        a = guest.open_share(token)
        assert a.status == 200 and a.json['path'] == path, a
        assert 'Set-Cookie' not in a.headers, a.headers
        assert [b['title'] for b in guest.get('/api/dashboards').json['items']] == ['Tuesday']
        # The page may stand in a frame: whoever is signed in in that browser is nobody there, and does nothing.
        told = owner.ask('GET', '/api/dashboards', headers={'X-Share': token}).json['items']
        assert [b['title'] for b in told] == ['Tuesday']
        assert owner.ask('GET', '/api/session', headers={'X-Share': token}).json['user'] is None
        assert owner.ask('DELETE', '/api/dashboards/' + other['id'], headers={'X-Share': token}).status == 401
        assert owner.ask('GET', '/api/users', headers={'X-Share': token}).status in (401, 403)
        assert guest.get('/api/design').status == guest.get('/api/analyses').status == 200
        last = owner.get('/api/session').json['data']['last'][:10]
        whole = {'from': last[:8] + '01', 'to': last}
        assert guest.get('/api/query/gap', where='channel = app', **whole).status == 200
        assert guest.get('/api/query/gap', where=['channel = app', 'touchpoint = order'], **whole).status == 200
        for path_, query in (('/api/query/gap', whole), ('/api/query/gap', {'where': 'channel = web', **whole}),
                             ('/api/query/gap', {'where': 'channel = app'}),
                             ('/api/query/volume', {'where': 'channel = app', **whole}), ('/api/overview', whole),
                             ('/api/interactions', {}), ('/api/persons/user:x', {}), ('/api/users', {}),
                             ('/api/search', {'q': 'user'}), ('/api/quarantine', {}), ('/api/shares', {}),
                             ('/api/design/text', {}), ('/api/live', {})):
            assert guest.get(path_, **query).status in (401, 403), (path_, query)
        for method, path_ in (('POST', '/api/dashboards'), ('DELETE', '/api/dashboards/' + other['id']),
                              ('POST', '/api/design/check'), ('POST', '/api/sql')):
            assert guest.ask(method, path_, body={}).status == 401, path_
        shares = owner.get('/api/shares').json['items']
        assert [x['path'] for x in shares] == [path] and token not in str(shares)
        assert owner.ask('DELETE', '/api/shares/' + shares[0]['id'], body={}).status == 200
        assert guest.get('/api/query/gap', where='channel = app', **whole).status == 403
        for wrong in ({'path': 'x', 'title': 't', 'days': 1}, {'path': '/', 'title': 't', 'days': 0},
                      {'path': '/', 'title': 't', 'days': 9999}, {'path': '/', 'title': 't'}):
            assert owner.post('/api/shares', wrong).status == 400, wrong
        assert owner.ask('DELETE', '/api/dashboards/' + board['id'], body={}).status == 200
        assert owner.ask('DELETE', '/api/dashboards/' + board['id'], body={}).status == 404


def keys_end_when_it_was_said_that_they_do():
    with serving(simulate=('--persons', '20', '--quiet')) as s:
        admin = s.everybody()['administrator']
        day = {'kind': 'write', 'name': 'x', 'source': 'crm'}
        for wrong in (0, -1, 36501, 'soon', True):
            a = admin.post('/api/keys', {**day, 'days': wrong})
            assert a.status == 400 and '“days”' in a.json['detail'], a
        for name, more in (('month', {'days': 30}), ('null', {'days': None}), ('none', {})):
            assert admin.post('/api/keys', {**day, 'name': name, **more}).status == 201, name
        keys = {k['name']: k for k in admin.get('/api/keys').json['items']}
        assert keys['null']['expires'] is None and keys['none']['expires'] is None, keys
        made, ends = (datetime.datetime.fromisoformat(keys['month'][k]) for k in ('created', 'expires'))
        assert abs((ends - made).total_seconds() - 30 * 86400) < 60, keys['month']


def who_asks_again_is_told_that_nothing_changed():
    with serving(simulate=YEAR) as s:
        c = s.everybody()
        m = c['manager']

        def again(client, path, tag):
            return client.ask('GET', path, headers={'If-None-Match': tag})

        path = '/api/query/volume?by=channel'
        tag = m.get(path).headers['ETag']
        assert again(m, path, tag).status == 304
        # Another question, another role and other data are other answers.
        assert again(m, path + '&where=channel%20%3D%20app', tag).status == 200
        assert m.get(path + '&format=csv').headers['ETag'] != tag
        assert again(c['viewer'], path, tag).status == 200
        assert again(s.client(), path, tag).status == 401
        assert again(m, '/api/query/volume?by=nothing', '*').status in (304, 400)
        key = c['administrator'].post('/api/keys', {'kind': 'write', 'name': 'x', 'source': 'crm'}).json['key']
        before = m.get(path)
        assert before.headers['ETag'] == tag
        a = s.client().post('/v1/track', {'event': 'Order Placed', 'anonymousId': 'new'}, headers={'X-Write-Key': key})
        assert a.status == 200, a
        assert again(m, path, tag).status == 200
        # The corridor file: the same as text and as JSON, until another one is published.
        tag = m.get('/api/design').headers['ETag']
        text = m.get('/api/design/text')
        assert text.headers['ETag'] == tag == 'W/' + text.json['etag']
        assert again(m, '/api/design', tag).status == again(m, '/api/design/text', tag).status == 304
        assert m.post('/api/design', {'text': text.json['text'] + '\n# again\n'}).status == 200
        assert again(m, '/api/design', tag).status == again(m, '/api/design/text', tag).status == 200
        assert again(m, '/api/design/text?version=1', tag).status == 304


def nobody_undoes_unknowingly_what_another_did():
    with serving(simulate=('--persons', '20', '--quiet')) as s:
        admin = s.everybody()['administrator']
        mapping = 'mapping: 1\nsource: x\nformat: ndjson\ninteractions:\n  event: "{event}"\n  customer: {user: "{id}"}\n  at: "{at}"\n'

        def change(method, path, tag, **body):
            return admin.ask(method, path, body=body, headers={'If-Match': tag})

        board = admin.post('/api/dashboards', {'title': 'One', 'tiles': []}).json
        user = next(u for u in admin.get('/api/users').json['items'] if u['role'] == 'viewer')
        a = admin.post('/api/hooks', {'name': 'desk', 'mapping': mapping, 'style': 'hmac-sha256'})
        assert a.status == 201, a
        hook = next(h for h in admin.get('/api/hooks').json['items'] if h['name'] == 'desk')
        text = admin.get('/api/design/text').json
        things = (('PUT', '/api/dashboards/' + board['id'], '/api/dashboards', board, [{'title': t} for t in 'ABCD']),
                  ('PATCH', '/api/users/%d' % user['id'], '/api/users', user, [{'name': t} for t in 'ABCD']),
                  ('PATCH', '/api/hooks/desk', '/api/hooks', hook, [{'header': t} for t in ('X-A', 'X-B', 'X-C', 'X-D')]))
        for method, path, where, thing, bodies in things:
            first = thing['etag']
            a = change(method, path, first, **bodies[0])
            assert a.status == 200 and a.json['etag'] != first, a
            assert a.json['etag'] in [i['etag'] for i in admin.get(where).json['items']], path
            stale = change(method, path, first, **bodies[1])
            assert stale.status == 412 and 'changed since' in stale.json['detail'], stale
            assert 'read it again' in stale.json['detail'], stale
            now = [i for i in admin.get(where).json['items'] if i['etag'] == a.json['etag']]
            assert len(now) == 1 and bodies[0].items() <= now[0].items(), now
            assert change(method, path, f'"x", W/{a.json["etag"]}', **bodies[1]).status == 200
            assert change(method, path, '*', **bodies[2]).status == 200
            assert admin.ask(method, path, body=bodies[3]).status == 200  # who does not ask is not asked
        assert change('PUT', '/api/dashboards/999', '"x"', title='x').status == 404
        # The answer is what is stored, and so is its ETag.
        a = admin.post('/api/dashboards', {'title': '  Spaced ', 'tiles': []})
        assert a.status == 201 and a.json['title'] == 'Spaced' and a.json in admin.get('/api/dashboards').json['items'], a
        owner = s.client().sign_in('owner@tidewater.example')
        a = owner.ask('PUT', '/api/dashboards/' + a.json['id'], body={'title': ' Mine', 'tiles': []}, headers={'If-Match': a.json['etag']})
        assert a.status == 200 and a.json in admin.get('/api/dashboards').json['items'], a
        # Signing in changes nothing of a user.
        user = next(u for u in admin.get('/api/users').json['items'] if u['role'] == 'agent')
        s.client().sign_in('agent@tidewater.example')
        assert change('PATCH', '/api/users/%d' % user['id'], user['etag'], name='Kim').status == 200
        a = change('POST', '/api/design', text['etag'], text=text['text'] + '\n# one\n')
        assert a.status == 200, a
        a = change('POST', '/api/design', text['etag'], text=text['text'] + '\n# two\n')
        assert a.status == 412 and 'the corridor file' in a.json['detail'], a
        assert admin.get('/api/design/text').json['text'].endswith('# one\n')
        document = admin.get('/api/openapi.json').json['paths']
        for path, method in (('/api/dashboards/{dashboard}', 'put'), ('/api/users/{user}', 'patch'),
                             ('/api/hooks/{hook}', 'patch'), ('/api/design', 'post')):
            assert '412' in document[path][method]['responses'], path
            assert 'If-Match' in [p['name'] for p in document[path][method]['parameters']], path


def only_trusted_senders_say_whose_an_email_address_is():
    with serving(simulate=('--persons', '20', '--quiet')) as s:
        admin = s.everybody()['administrator']

        def key(**more):
            a = admin.post('/api/keys', {'kind': 'write', 'name': 'x', 'source': 'crm', **more})
            assert a.status == 201, a
            return a.json['key']

        page, server = key(), key(links_email=True)
        assert admin.post('/api/keys', {'kind': 'write', 'name': 'x', 'source': 'crm', 'links_email': True,
                                        'origins': ['https://shop.example']}).status == 400
        assert [k['links_email'] for k in admin.get('/api/keys').json['items'][:2]] == [True, False]

        def send(path, body, key, **headers):
            a = s.client().post(path, body, headers={'X-Write-Key': key, **headers})
            assert a.status == 200, a

        def identify(user, address, key, **headers):
            send('/v1/identify', {'userId': user, 'messageId': f'{user}-{key}-{len(headers)}',
                                  'traits': {'email': address}}, key, **headers)

        def known(address):
            return set(admin.get(f'/api/persons/email:{address}').json['identities'])

        def linked():
            for line in admin.get('/metrics').body.decode().splitlines():
                if line.startswith('corridor_links_total '):
                    return float(line.split()[1])

        # A parcel of which the courier knows the address only.
        for address in ('ann@example.com', 'bob@example.com'):
            send('/api/interactions', {'customer': {'email': address}, 'event': 'Parcel', 'at': '2026-03-01T10:00:00Z'},
                 page)
        # Anybody may say so, from a page; and with the server's key, if it has got into one.
        identify('mallory', 'ann@example.com', page)
        for headers in ({'Origin': 'https://evil.example'}, {'Referer': 'https://evil.example/'},
                        {'Sec-Fetch-Site': 'cross-site'}):
            identify('mallory', 'ann@example.com', server, **headers)
        identify('bob', 'Bob@Example.com', server)
        assert wait_for(lambda: known('bob@example.com') == {'email:bob@example.com', 'user:bob'}), known('bob@example.com')
        assert known('ann@example.com') == {'email:ann@example.com'} and linked() == 1
        # The first user keeps it.
        identify('robert', 'bob@example.com', server)
        identify('ann', 'ann@example.com', server)
        assert wait_for(lambda: 'user:ann' in known('ann@example.com'))
        assert known('bob@example.com') == {'email:bob@example.com', 'user:bob'} and linked() == 2
        assert admin.get('/api/persons/user:bob').json['n'] == 2
        # It is in the journal, and can be undone.
        assert s.stop() == 0
        assert 'email:bob@example.com' in s.run('journal', '--data', s.data)
        s.run('unlink', 'email:bob@example.com', '--data', s.data)
        s.start()
        admin.port = s.port
        assert known('bob@example.com') == {'email:bob@example.com'}
        identify('bob', 'bob@example.com', server, Date='x')  # another message of the same pair
        identify('carl', 'carl@example.com', server)
        assert wait_for(lambda: linked() == 1)
        assert known('bob@example.com') == {'email:bob@example.com'}


if __name__ == '__main__':
    main([overview_agrees_with_the_analyses, interactions_come_newest_first_and_each_once, a_customers_story,
          the_corridor_file, the_quarantine_is_replayed, sql_only_reads, dashboards_and_shares, signing_in,
          customers_are_named_only_to_those_who_may_see_them, keys_end_when_it_was_said_that_they_do,
          who_asks_again_is_told_that_nothing_changed, nobody_undoes_unknowingly_what_another_did,
          only_trusted_senders_say_whose_an_email_address_is])
