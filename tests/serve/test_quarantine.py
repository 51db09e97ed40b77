# SPDX-License-Identifier: Apache-2.0
"""What could not be understood: counted, looked at page by page, read again with a mended mapping, dropped."""
import base64
import hashlib
import hmac
import json
import subprocess
import time

from serving import main, serving
from test_import import MAPPING, stored, take

HOOK = '''mapping: 1
source: shop
format: ndjson
interactions: {event: Order Placed, id: "{id}", customer: {user: "{customer}"}, at: "{at}", channel: web}
'''
# Germans write their dates and numbers.
GERMAN = MAPPING.replace('at: "{at}"', 'at: {column: at, format: dd.MM.yyyy HH:mm}')


def german(n, prefix='g', first=0):
    lines = ['call,customer,at,event,wait']
    lines += [f'{prefix}-{i},u-{i},{1 + i % 28:02}.03.2026 10:00,Call Ended,{i % 600}' for i in range(first, first + n)]
    return ('\n'.join(lines) + '\n').encode()


def held(client):
    return client.get('/api/quarantine').json['total']


def replay(client, **body):
    a = client.post('/api/quarantine/replay', body)
    assert a.status == 200, a
    return a.json


def preview(client, **body):
    a = client.post('/api/quarantine/preview', body)
    assert a.status == 200, a
    return a.json


def a_mended_mapping_takes_the_rows_in():
    with serving() as s:
        m = s.everybody()['manager']
        take(m, 'calls.csv', german(40) + b'bad,,01.03.2026 10:00,Call Ended,1\n')
        take(m, 'other.csv', german(7, 'o'))
        assert held(m) == 48 and stored(m) == 0
        groups = m.get('/api/quarantine/groups').json
        assert groups['total'] == 48 and groups['groups'] == len(groups['items']), groups
        group = next(g for g in groups['items'] if g['source'] == 'calls.csv' and g['n'] == 40)
        chosen = {'source': 'calls.csv', 'read_with': group['mapping'], 'reason': group['reason']}
        # What they were read with, and that it does not help to read them so again.
        was = m.get('/api/quarantine/mapping', **chosen).json
        assert (was['kind'], was['mapping']) == ('file', MAPPING), was
        assert was['header'].strip() == 'call,customer,at,event,wait', was
        assert m.get('/api/quarantine/mapping', id=group['last_id']).json == was
        look = preview(m, **chosen, mapping=was['mapping'])
        assert (look['rows'], look['understood'], look['items']) == (40, 0, []), look
        # Looking at what a mended one makes of them stores nothing.
        look = preview(m, **chosen, mapping=GERMAN)
        assert (look['rows'], look['understood'], look['interactions']) == (40, 40, 40), look
        assert look['problems'] == look['rejected'] == [] and len(look['items']) == 30, look
        assert look['items'][0]['customer'] == 'user:u-0' and look['items'][0]['at'].startswith('2026-03-01T10:00'), look
        assert held(m) == 48 and stored(m) == 0
        r = replay(m, **chosen, mapping=GERMAN, dry_run=True)
        assert (r['taken'], r['rejected'], r['interactions']) == (40, 0, 40), r
        assert held(m) == 48 and stored(m) == 0
        # The command leaves it to the server that runs, and says so.
        for act in ('replay', 'drop'):
            p = subprocess.run([s.corridor, 'quarantine', act, '--file', 'calls.csv', '--data', s.data], capture_output=True, text=True)
            assert p.returncode == 9 and 'page Import' in p.stderr, p
        # Only what was chosen is taken in.
        r = replay(m, **chosen, mapping=GERMAN)
        assert (r['taken'], r['rejected'], r['interactions'], r['repeated']) == (40, 0, 40, 0), r
        assert held(m) == 8 and stored(m) == 40
        look = preview(m, all=True, mapping=GERMAN)
        assert (look['rows'], look['understood'], len(look['rejected'])) == (8, 7, 1), look
        bad = next(i for i in m.get('/api/quarantine').json['items'] if i['raw'].startswith('bad'))
        assert str(look['rejected'][0]['id']) == str(bad['id']) and 'customer' in look['rejected'][0]['reason'], look
        r = replay(m, all=True, mapping=GERMAN)
        assert (r['taken'], r['rejected'], stored(m), held(m)) == (7, 1, 47, 1), r
        assert r['reasons'][0]['n'] == 1 and 'customer' in r['reasons'][0]['reason'], r
        notes = [i['detail'] for i in m.get('/api/audit', what='quarantine.').json['items']]
        assert notes == ['7 were understood with another mapping', '40 were understood with another mapping'], notes


def mistakes_of_the_mapping_are_told_by_line():
    with serving() as s:
        m = s.everybody()['manager']
        take(m, 'calls.csv', german(3))
        look = preview(m, all=True, mapping='mapping: 1\nsorce: x\n')
        assert look['items'] == [] and look['problems'][0]['line'] == 2 and 'source' in look['problems'][0]['remedy'], look
        look = preview(m, all=True, mapping=MAPPING.replace('"{call}"', '"{cal}"'))
        p = look['problems'][0]
        assert p['line'] == 6 and 'did you mean "call"' in p['remedy'], p
        a = m.post('/api/quarantine/replay', {'all': True, 'mapping': 'mapping: 1\nsorce: x\n'})
        assert a.status == 400 and 'the mapping:2' in a.json['detail'], a
        for body in ({}, {'mapping': GERMAN}, {'all': True, 'ids': [1]}, {'all': True, 'source': 'calls.csv'}, {'ids': ['x']},
                     {'all': False}, {'all': 'yes'}, {'source': 7}, {'all': True, 'mapping': ''}, {'all': True, 'mapping': 7},
                     {'all': True, 'mapping': GERMAN, 'hook': 'shop'}, {'all': True, 'dry_run': 'no'}):
            a = m.post('/api/quarantine/replay', body)
            assert a.status == 400, (body, a)
        assert 'exactly one of' in m.post('/api/quarantine/drop', {}).json['detail']
        assert m.post('/api/quarantine/replay', {'all': True, 'hook': 'shop'}).status == 404
        assert m.get('/api/quarantine/mapping', id=99999).status == 404
        assert held(m) == 3 and stored(m) == 0


def mending_and_dropping_need_the_right_to_import():
    with serving() as s:
        c = s.everybody()
        take(c['manager'], 'calls.csv', german(3))
        owner, viewer = c['owner'], c['viewer']
        assert replay(owner, all=True)['rejected'] == 3
        for body in ({'all': True, 'mapping': GERMAN}, {'all': True, 'hook': 'shop'}):
            a = owner.post('/api/quarantine/replay', body)
            assert a.status == 403 and 'import' in a.json['detail'], a
            assert owner.post('/api/quarantine/preview', body).status == 403
        assert owner.get('/api/quarantine/mapping', source='calls.csv').status == 403
        a = owner.post('/api/quarantine/drop', {'all': True})
        assert a.status == 403 and 'import' in a.json['detail'] and held(c['manager']) == 3, a
        assert len(owner.get('/api/quarantine/groups').json['items']) == 1
        for path in ('', '/groups', '/mapping'):
            assert viewer.get('/api/quarantine' + path).status == 403
        # A program that may not see persons is not shown what rows would become.
        for rights, status in (('quarantine,import', 403), ('import,persons', 403), ('quarantine,import,persons', 200)):
            key = c['administrator'].post('/api/keys', {'kind': 'api', 'name': rights, 'rights': rights}).json['key']
            a = s.client(Authorization=f'Bearer {key}').post('/api/quarantine/preview', {'all': True, 'mapping': GERMAN})
            assert a.status == status, (rights, a)
        assert held(owner) == 3


def pages_and_groups():
    with serving() as s:
        m = s.everybody()['manager']
        take(m, 'calls.csv', german(120) + b'bad,,2026-03-01T10:00:00Z,Call Ended,1\n')
        take(m, 'other.csv', german(44, 'o'))
        seen, before = [], None
        while True:
            page = m.get('/api/quarantine', before=before).json
            assert page['total'] == 165 and len(page['items']) <= 50
            seen += [int(i['id']) for i in page['items']]
            before = page['next']
            if not before:
                break
        assert len(seen) == 165 and seen == sorted(set(seen), reverse=True)
        groups = m.get('/api/quarantine/groups').json['items']
        assert sorted((g['source'], g['n']) for g in groups) == [('calls.csv', 1), ('calls.csv', 120), ('other.csv', 44)], groups
        for g in groups:
            page = m.get('/api/quarantine', source=g['source'], reason=g['reason'], read_with=g['mapping'], limit=500).json
            assert page['total'] == g['n'] == len(page['items']) and page['next'] is None, (g, page['total'])
            assert {i['source'] for i in page['items']} == {g['source']}
            assert max(int(i['id']) for i in page['items']) == int(g['last_id'])
        big = max(groups, key=lambda g: g['n'])
        page = m.get('/api/quarantine', source=big['source'], reason=big['reason'], limit=100).json
        rest = m.get('/api/quarantine', source=big['source'], reason=big['reason'], limit=100, before=page['next']).json
        assert len(page['items']) == 100 and len(rest['items']) == 20 and rest['next'] is None, rest
        # A group is dropped, and nothing else.
        a = m.post('/api/quarantine/drop', {'source': big['source'], 'reason': big['reason']})
        assert a.json == {'dropped': 120} and held(m) == 45, a
        assert m.post('/api/quarantine/drop', {'file': 'other.csv'}).json == {'dropped': 44}
        assert m.post('/api/quarantine/drop', {'source': 'nothing'}).json == {'dropped': 0}
        assert m.post('/api/quarantine/drop', {'all': True}).json == {'dropped': 1} and held(m) == 0
        assert m.get('/api/quarantine/groups').json == {'items': [], 'groups': 0, 'total': 0}


def send(s, name, body):
    signature = base64.b64encode(hmac.new(b'a-secret-of-some-length', body, hashlib.sha256).digest()).decode()
    return s.client().ask('POST', f'/hooks/{name}', body=body, raw=True,
                          headers={'Content-Type': 'application/json', 'X-Shopify-Hmac-Sha256': signature})


def bodies_of_webhooks_and_tracking():
    with serving() as s:
        admin = s.everybody()['administrator']

        def add(name, mapping, **more):
            a = admin.post('/api/hooks', {'name': name, 'mapping': mapping, 'style': 'shopify',
                                          'secret': 'a-secret-of-some-length', **more})
            assert a.status == 201, a
        add('shop', HOOK)
        body = json.dumps({'id': 'o-1', 'customer': 'u-1', 'when': '2026-03-01T10:00:00Z'}).encode()
        assert send(s, 'shop', body).json == {'interactions': 0, 'rejected': 1}
        key = admin.post('/api/keys', {'kind': 'write', 'name': 'web', 'source': 'shop'}).json['key']
        auth = base64.b64encode(f'{key}:'.encode()).decode()
        assert s.client(Authorization=f'Basic {auth}').post('/v1/track', {'event': 'No One', 'messageId': 'm-1'}).status == 200
        was = admin.get('/api/quarantine/mapping', source='hooks/shop').json
        assert (was['kind'], was['name'], was['mapping'], was['header']) == ('webhook', 'shop', HOOK, None), was
        tracking = next(g['source'] for g in admin.get('/api/quarantine/groups').json['items'] if g['source'] != 'hooks/shop')
        was = admin.get('/api/quarantine/mapping', source=tracking).json
        assert (was['kind'], was['mapping']) == ('tracking', None), was
        mended = HOOK.replace('{at}', '{when}')
        look = preview(admin, source='hooks/shop', mapping=mended)
        assert (look['understood'], look['items'][0]['customer'], look['problems']) == (1, 'user:u-1', []), look
        look = preview(admin, source='hooks/shop', mapping=mended.replace('ndjson', 'csv'))
        assert look['rows'] == 0 and len(look['problems']) == 1, look
        look = preview(admin, source=tracking)
        assert (look['rows'], look['understood'], len(look['rejected'])) == (1, 0, 1), look
        # The mapping of another webhook, with its program; of the webhook itself once it is mended.
        add('turned', HOOK, program='{id, customer, at: .when}')
        look = preview(admin, source='hooks/shop', hook='turned')
        assert look['understood'] == 1, look
        assert replay(admin, source='hooks/shop')['rejected'] == 1
        r = replay(admin, source='hooks/shop', hook='turned')
        assert (r['taken'], r['interactions']) == (1, 1) and stored(admin) == 1, r
        # A webhook that is gone has no mapping any more: one is guessed, where the bodies are any good.
        assert send(s, 'shop', body.replace(b'o-1', b'o-2')).json['rejected'] == 1
        assert admin.ask('DELETE', '/api/hooks/shop', body={}).status == 200
        was = admin.get('/api/quarantine/mapping', source='hooks/shop').json
        assert (was['kind'], was['name'], was['guessed']) == ('webhook', 'shop', True), was
        assert 'ndjson' in was['mapping'] and 'column: "customer"' in was['mapping'] and 'column: "when"' in was['mapping'], was
        look = preview(admin, source='hooks/shop', mapping=was['mapping'])
        assert look['problems'] == [], look
        assert send(s, 'turned', b'no JSON').json['rejected'] == 1
        assert admin.ask('DELETE', '/api/hooks/turned', body={}).status == 200
        was = admin.get('/api/quarantine/mapping', source='hooks/turned').json
        assert (was['mapping'], was['guessed']) == (None, True), was
        assert replay(admin, source='hooks/shop', mapping=mended)['taken'] == 1 and stored(admin) == 2


def thousands_are_previewed_by_their_first():
    with serving() as s:
        m = s.everybody()['manager']
        take(m, 'calls.csv', german(6000))
        began = time.monotonic()
        look = preview(m, all=True, mapping=GERMAN)
        assert (look['rows'], look['understood'], len(look['items'])) == (200, 200, 30), look['rows']
        assert time.monotonic() - began < 20
        assert replay(m, all=True, mapping=GERMAN)['interactions'] == 6000 and held(m) == 0


if __name__ == '__main__':
    main([a_mended_mapping_takes_the_rows_in, mistakes_of_the_mapping_are_told_by_line,
          mending_and_dropping_need_the_right_to_import, pages_and_groups, bodies_of_webhooks_and_tracking,
          thousands_are_previewed_by_their_first])
