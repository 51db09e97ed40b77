# SPDX-License-Identifier: Apache-2.0
"""Erasing persons and linking identities while the server runs, and the journal of it."""
import os

from serving import main, serving, wait_for
from test_resources import basic

YEAR = ('--persons', '200', '--seed', '7', '--start', '2025-01-01', '--quiet')


def send(server, key, *events):
    a = server.client().post('/v1/batch', {'batch': [
        {'type': 'track', 'event': 'Order Placed', 'timestamp': '2025-12-30T10:00:00Z', **e} for e in events]},
        headers={'Authorization': basic(key)})
    assert a.status == 200, a


def write_key(admin):
    a = admin.post('/api/keys', {'kind': 'write', 'name': 'Shop', 'source': 'shop', 'origins': []})
    assert a.status == 201, a
    return a.json['key']


def story(client, identity):
    return client.get(f'/api/persons/{identity}')


def erasing_holds_at_once():
    with serving(simulate=YEAR) as s:
        c = s.everybody()
        admin, m = c['administrator'], c['manager']
        key = write_key(admin)
        send(s, key, *({'userId': 'quetzal', 'messageId': f'm-{i}'} for i in range(3)))
        send(s, key, {'userId': 'other', 'messageId': 'o-1'}, {'userId': 'other', 'messageId': 'o-2'})
        before = m.get('/api/query/volume').json['n']
        assert story(m, 'user:quetzal').json['n'] == 3
        a = admin.post('/api/erase', {'customer': 'user:quetzal'})
        assert a.status == 200, a
        r = a.json
        assert (r['act'], r['persons'], r['interactions'], r['physical']) == ('erased', 1, 3, False), r
        assert sum(x['interactions'] for x in r['segments']) == 3 and r['entry'] == 1, r
        assert r['quarantine'] == {'removed': 0, 'unsure': 0}, r
        assert story(m, 'user:quetzal').status == 404
        assert m.get('/api/search', q='quetzal').json['items'] == []
        assert m.get('/api/query/volume').json['n'] == before - 3
        assert m.get('/api/interactions', where='source = shop').json['items'][0]['customer'] == 'user:other'
        assert admin.get('/api/session').json['data']['n'] == before - 3
        # What is sent again is known; what is new is new.
        send(s, key, {'userId': 'quetzal', 'messageId': 'm-0'})
        assert story(m, 'user:quetzal').status == 404
        # A single interaction, and no half of two.
        one = {'source': 'shop', 'id': 'o-1'}
        a = admin.post('/api/erase', {'interactions': [one, {'source': 'shop', 'id': 'o-9'}]})
        assert a.status == 404 and 'o-9' in a.json['detail'], a
        a = admin.post('/api/erase', {'interactions': [one]})
        assert a.status == 200 and a.json['interactions'] == 1 and 'quarantine' not in a.json, a
        assert story(m, 'user:other').json['n'] == 1
        # Nobody's name stays where it cannot be erased.
        acts = [x for x in admin.get('/api/audit').json['items'] if 'erase' in x['what']]
        assert [x['what'] for x in acts] == ['interaction.erase', 'person.erase'], acts
        assert 'quetzal' not in str(acts) and acts[1]['who'] == 'administrator@tidewater.example', acts
        assert 'journal entry 1: 3 interactions of 1 persons' == acts[1]['detail'], acts


def nobody_is_not_erased():
    with serving(simulate=YEAR) as s:
        c = s.everybody()
        admin = c['administrator']
        key = write_key(admin)
        send(s, key, {'userId': 'known', 'messageId': 'k-1'})
        for body in ({'customer': 'user:typo'}, {'customers': ['user:known', 'user:typo']}):
            a = admin.post('/api/erase', body)
            assert a.status == 404, a
            assert 'user:typo; nothing was erased' in a.json['detail'] and 'Customers' in a.json['detail'], a
        assert admin.get('/api/journal').json == {'items': [], 'next': None}
        assert story(admin, 'user:known').status == 200
        for wrong in ({}, {'customer': 7}, {'customers': 'user:known'}, {'customers': [7]}, {'customer': 'known'},
                      {'customer': ':x'}, {'customer': 'user:'}, {'interactions': 'x'}, {'interactions': [{}]},
                      {'interactions': [7]}, {'customer': 'user:known', 'keep_quarantine': 'no'},
                      {'customer': 'user:known', 'interactions': [{'source': 'shop', 'id': 'k-1'}]},
                      {'customers': ['user:known'] * 1001}):
            a = admin.post('/api/erase', wrong)
            assert a.status == 400, (wrong, a)
        assert story(admin, 'user:known').status == 200
        a = admin.post('/api/erase', {'customer': 'user:known'}, headers={'Origin': 'https://evil.example'})
        assert a.status == 403, a
        for role in ('viewer', 'agent', 'owner', 'manager'):
            a = c[role].post('/api/erase', {'customer': 'user:known'})
            assert a.status == 403 and 'erase' in a.json['detail'], a
        assert story(admin, 'user:known').status == 200
        # A program with this right may, and sees no names without the other one.
        text = admin.post('/api/keys', {'kind': 'api', 'name': 'Privacy desk', 'rights': 'erase'}).json['key']
        desk = s.client(Authorization=f'Bearer {text}')
        assert desk.post('/api/link', {'from': 'user:new', 'to': 'user:known'}).status == 200
        assert 'known' not in str(desk.get('/api/journal').json), desk.get('/api/journal')
        a = desk.post('/api/erase', {'customers': ['user:known']})
        assert a.status == 200 and (a.json['persons'], a.json['interactions']) == (2, 1), a
        assert desk.post('/api/erase', {'customer': 'user:known'}).status == 404


def everybody_erased_is_in_the_audit_trail():
    with serving(simulate=YEAR) as s:
        admin = s.everybody()['administrator']
        send(s, write_key(admin), *({'userId': f'one-{i}', 'messageId': f'm-{i}'} for i in range(120)))
        keys = [i['person'] for i in admin.get('/api/interactions', where='source = shop', limit=200).json['items']]
        a = admin.post('/api/erase', {'customers': [f'user:one-{i}' for i in range(120)]})
        assert a.status == 200 and a.json['persons'] == 120, a
        acts = [x for x in admin.get('/api/audit').json['items'] if x['what'] == 'person.erase']
        noted = [key for x in acts for key in x['on'].split(' ')]
        assert len(keys) == 120 and sorted(noted) == sorted(keys), (len(noted), acts[0])


def quarantine_goes_with_the_person():
    with serving(simulate=YEAR) as s:
        c = s.everybody()
        admin = c['administrator']
        key = write_key(admin)
        head = {'Authorization': basic(key), 'Content-Type': 'application/cloudevents-batch+json'}
        events = [{'specversion': '1.0', 'id': f'q-{i}', 'source': '/desk', 'type': 'Ticket', 'subject': subject,
                   'channel': 'telepathy', 'time': '2025-12-30T09:12:00Z', 'data': {}}
                  for i, subject in enumerate(('quetzal', 'somebody'))]
        assert s.client().post('/events', events, headers=head).status == 200
        assert admin.get('/api/quarantine').json['total'] == 2
        rejected = {x['name']: x['rejected'] for x in admin.get('/api/sources').json['items']}
        # Nothing else is known of this one.
        a = admin.post('/api/erase', {'customer': 'user:quetzal', 'keep_quarantine': True})
        assert a.status == 404, a
        a = admin.post('/api/erase', {'customer': 'user:quetzal'})
        assert a.status == 200 and a.json['quarantine'] == {'removed': 1, 'unsure': 0}, a
        left = admin.get('/api/quarantine').json
        assert left['total'] == 1 and 'quetzal' not in str(left), left
        after = {x['name']: x['rejected'] for x in admin.get('/api/sources').json['items']}
        assert sum(after.values()) == sum(rejected.values()) - 1, (rejected, after)


def names_leave_the_database():
    with serving(simulate=YEAR) as s:
        c = s.everybody()
        admin = c['administrator']
        key = write_key(admin)
        a = s.client().post('/v1/batch', {'batch': [
            {'type': 'identify', 'anonymousId': 'visitor-1', 'userId': 'quetzal', 'messageId': 'i-1'},
            {'type': 'identify', 'anonymousId': 'visitor-2', 'userId': 'phoenix', 'messageId': 'i-2'}]},
            headers={'Authorization': basic(key)})
        assert a.status == 200, a
        assert wait_for(lambda: len(admin.get('/api/journal').json['items']) == 2)
        a = admin.post('/api/erase', {'customer': 'anonymous:visitor-1'})
        assert a.status == 200 and a.json['persons'] == 2, a
        assert s.stop() == 0
        with open(os.path.join(s.data, 'corridor.db'), 'rb') as f:
            database = f.read()
        for name in (b'quetzal', b'visitor-1'):
            assert name not in database, name
        assert b'phoenix' in database and b'visitor-2' in database


def linking_and_unlinking():
    with serving(simulate=YEAR) as s:
        c = s.everybody()
        admin, m = c['administrator'], c['manager']
        key = write_key(admin)
        send(s, key, {'userId': 'ann', 'messageId': 'a-1'}, {'userId': 'ann', 'messageId': 'a-2'},
             {'userId': 'bob', 'messageId': 'b-1'})
        a = admin.post('/api/link', {'from': 'user:ann', 'to': 'user:bob'})
        assert a.status == 200 and (a.json['act'], a.json['interactions']) == ('linked', 2), a
        assert story(m, 'user:bob').json['identities'] == story(m, 'user:ann').json['identities']
        assert story(m, 'user:bob').json['n'] == 3
        assert admin.post('/api/link', {'from': 'user:ann', 'to': 'user:bob'}).json['entry'] == 0
        a = admin.post('/api/link', {'from': 'user:ann', 'to': 'user:eve'})
        assert a.status == 409 and 'undo that first' in a.json['detail'], a
        a = admin.post('/api/link', {'from': 'user:bob', 'to': 'user:ann'})
        assert a.status == 400 and 'already' in a.json['detail'], a
        for wrong in ({}, {'from': 'user:ann'}, {'from': 'ann', 'to': 'user:bob'}, {'from': 1, 'to': 2}):
            assert admin.post('/api/link', wrong).status == 400, wrong
        a = admin.post('/api/unlink', {'customer': 'user:bob'})
        assert a.status == 404 and 'not the one that it was linked to' in a.json['detail'], a
        assert admin.post('/api/unlink', {'customer': 'bob'}).status == 400
        a = admin.post('/api/unlink', {'customer': 'user:ann'})
        assert a.status == 200 and (a.json['act'], a.json['interactions']) == ('unlinked', 2), a
        assert story(m, 'user:bob').json['n'] == 1
        for path, body in (('/api/link', {'from': 'user:ann', 'to': 'user:bob'}), ('/api/unlink', {'customer': 'user:ann'})):
            assert m.post(path, body).status == 403, path
            assert admin.post(path, body, headers={'Sec-Fetch-Site': 'cross-site'}).status == 403, path
        assert story(m, 'user:bob').json['n'] == 1
        acts = [x['what'] for x in admin.get('/api/audit').json['items'] if x['what'].startswith('person.')]
        assert acts == ['person.unlink', 'person.link'], acts

        # The journal, whole and of a customer.
        admin.post('/api/link', {'from': 'user:ann', 'to': 'user:bob'})
        admin.post('/api/link', {'from': 'user:zoe', 'to': 'user:yan'})
        items = admin.get('/api/journal').json['items']
        assert [(x['entry'], x['act'], x['person'], x.get('target'), x['in_force']) for x in items] == [
            (4, 'link', 'user:zoe', 'user:yan', True), (3, 'link', 'user:ann', 'user:bob', True),
            (2, 'unlink', 'user:ann', items[2]['target'], False), (1, 'link', 'user:ann', 'user:bob', False)], items
        assert items[0]['who'] == 'administrator@tidewater.example' and items[1]['interactions'] == 2, items
        keys = {who: story(m, f'user:{who}').json['key'] for who in ('ann', 'bob')}
        assert keys['ann'] == keys['bob'] and {x['belongs_to'] for x in items[1:]} == {keys['bob']}, items
        one = admin.get('/api/journal', limit='1').json
        rest = admin.get('/api/journal', before=one['next']).json
        assert one['items'] + rest['items'] == items and rest['next'] is None
        for who in ('user:ann', 'user:bob', story(m, 'user:bob').json['key']):
            assert admin.get('/api/journal', customer=who).json['items'] == items[1:], who
        assert admin.get('/api/journal', customer='user:nobody').json['items'] == []
        assert admin.get('/api/journal', customer='nobody').status == 404
        assert admin.get('/api/journal', limit='0').status == 400
        assert m.get('/api/journal').status == 403
        # Whoever is erased leaves no name in it, and the whole family goes.
        a = admin.post('/api/erase', {'customer': 'user:ann'})
        assert (a.json['persons'], a.json['interactions']) == (2, 3), a
        assert 'ann' not in str(admin.get('/api/journal').json['items'])


if __name__ == '__main__':
    main([erasing_holds_at_once, nobody_is_not_erased, everybody_erased_is_in_the_audit_trail, quarantine_goes_with_the_person, names_leave_the_database,
          linking_and_unlinking])
