# SPDX-License-Identifier: Apache-2.0
"""One's own account: the first password, another one, sessions; links that do not work; what keys may send."""

from serving import PASSWORD, main, serving

NEW = 'eleven dry umbrellas'
SMALL = ('--persons', '20', '--quiet')


def by_link(server, link):
    """A client that opened the link."""
    c = server.client()
    a = c.post('/api/sign-in-link', {'token': link.rsplit('/', 1)[1]})
    assert a.status == 200, a
    c.csrf = a.json['csrf']
    return c


def state(client):
    return client.get('/api/session').json['user']['password']


def invited_people_choose_a_password():
    with serving(simulate=SMALL) as s:
        admin = s.everybody()['administrator']
        assert state(admin) == 'set'
        a = admin.post('/api/users', {'name': 'Kim', 'email': 'kim@tidewater.example', 'role': 'viewer'})
        kim = by_link(s, a.json['link'])
        assert state(kim) == 'wanted'
        # Nothing else is answered until then, whoever asks.
        for method, path in (('GET', '/api/design'), ('GET', '/api/query/volume'), ('GET', '/api/live'), ('POST', '/api/design/check'),
                             ('GET', '/api/dashboards'), ('GET', '/api/openapi.json')):
            a = kim.ask(method, path, body={'text': ''} if method == 'POST' else None)
            if path == '/api/openapi.json':
                assert a.status == 200, a  # as for anybody
            else:
                assert a.status == 403 and 'choose a password first' in a.json['detail'], (path, a)
        assert kim.get('/api/sessions').status == 200
        for weak in ('short', 'kim@tidewater.example', 'aaaaaaaaaaaa'):
            a = kim.post('/api/password', {'password': weak})
            assert a.status == 400, a
        assert kim.post('/api/password', {'password': NEW}).status == 200
        assert state(kim) == 'set'
        assert state(s.client().sign_in('kim@tidewater.example', NEW)) == 'set'
        assert kim.get('/api/design').status == 200
        assert kim.post('/api/password', {'old': 'x', 'password': PASSWORD}).status == 403  # the present one is needed now
        # Or leaves.
        a = admin.post('/api/users', {'name': 'Lou', 'email': 'lou@tidewater.example', 'role': 'viewer'})
        lou = by_link(s, a.json['link'])
        assert lou.ask('DELETE', '/api/session').status == 200
        assert lou.get('/api/session').json['user'] is None


def another_password():
    with serving(simulate=SMALL) as s:
        clients = s.everybody()
        viewer, other = clients['viewer'], s.client().sign_in('viewer@tidewater.example')
        a = viewer.post('/api/password', {'password': NEW})
        assert a.status == 400 and '“old”, the present password, is missing' in a.json['detail'], a
        a = viewer.post('/api/password', {'old': 'not this one', 'password': NEW})
        assert a.status == 403 and 'the present password is wrong' in a.json['detail'], a
        assert viewer.post('/api/password', {'old': PASSWORD, 'password': NEW}).status == 200
        assert viewer.get('/api/sessions').status == 200
        assert other.get('/api/sessions').status == 401  # it ended
        answers = [viewer.post('/api/password', {'old': 'x', 'password': NEW}) for _ in range(8)]
        a = answers[-1]
        assert a.status == 429 and int(a.headers['Retry-After']) > 0 and 'wait ' in a.json['detail'], a
        a = s.client().post('/api/session', {'email': 'viewer@tidewater.example', 'password': NEW})
        assert a.status == 429 and 'ask an administrator for a sign-in link' in a.json['detail'], a


def whoever_forgot_it_comes_with_a_link():
    with serving(simulate=SMALL) as s:
        clients = s.everybody()
        admin = clients['administrator']
        ids = {u['email']: u['id'] for u in admin.get('/api/users').json['items']}
        link = admin.post(f'/api/users/{ids["agent@tidewater.example"]}/link').json['link']
        agent = by_link(s, link)
        assert state(agent) == 'reset'
        assert agent.post('/api/password', {'password': NEW}).status == 200
        assert state(agent) == 'set'
        assert agent.post('/api/password', {'password': PASSWORD}).status == 400


def the_link_of_serve_asks_for_nothing():
    with serving(simulate=SMALL) as s:
        s.everybody()
        s.run('user', 'add', 'demo@tidewater.example', '--name', 'Demo', '--role', 'administrator', '--no-password',
              '--data', s.data)
        assert s.stop() == 0
        s.start('--link-for', 'demo@tidewater.example')
        lines = iter(s.process.stdout.readline, '')
        demo = by_link(s, next(line.strip() for line in lines if '/sign-in/' in line))
        assert state(demo) == 'optional'
        assert demo.post('/api/password', {'password': NEW}).status == 200
        assert state(demo) == 'set'


def my_sessions():
    with serving(simulate=SMALL) as s:
        clients = s.everybody()
        here = clients['viewer']
        others = [s.client(**{'User-Agent': f'Browser/{i}'}).sign_in('viewer@tidewater.example') for i in range(3)]
        items = here.get('/api/sessions').json['items']
        assert [i['agent'] for i in items] == ['Browser/2', 'Browser/1', 'Browser/0', '']
        assert [i['current'] for i in items] == [False, False, False, True]
        assert all(i['way'] == 'password' and i['address'] == '127.0.0.1' for i in items)
        theirs = clients['agent'].get('/api/sessions').json['items'][0]['id']
        assert here.ask('DELETE', f'/api/sessions/{theirs}').status == 404
        assert here.ask('DELETE', f'/api/sessions/{items[0]["id"]}').status == 200
        assert [c.get('/api/sessions').status for c in others] == [200, 200, 401]
        assert here.ask('DELETE', '/api/sessions').status == 200
        assert [c.get('/api/sessions').status for c in others] == [401, 401, 401]
        assert len(here.get('/api/sessions').json['items']) == 1
        assert clients['agent'].get('/api/sessions').status == 200
        key = clients['administrator'].post('/api/keys', {'kind': 'api', 'name': 'k', 'rights': 'look'}).json['key']
        for method, path in (('GET', '/api/sessions'), ('DELETE', '/api/sessions'), ('DELETE', '/api/session'),
                             ('POST', '/api/password')):
            a = s.client(Authorization=f'Bearer {key}').ask(method, path, body={'password': NEW})
            assert a.status == 403 and 'a key has no account' in a.json['detail'], a


def links_that_do_not_work():
    with serving(simulate=SMALL) as s:
        nobody = s.client()
        assert nobody.post('/api/setup/check', {'token': s.setup}).status == 200
        a = nobody.post('/api/setup/check', {'token': 'x' * 43})
        assert a.status == 403 and 'used up or expired' in a.json['detail'] and 'start the server again' in a.json['detail'], a
        used = s.setup
        s.everybody()
        a = nobody.post('/api/setup/check', {'token': used})
        assert a.status == 409 and 'set up already' in a.json['detail'], a


def programs_send_with_the_right():
    with serving(simulate=SMALL) as s:
        admin = s.everybody()['administrator']

        def key(**what):
            return admin.post('/api/keys', what).json['key']
        sends = key(kind='api', name='Billing run', rights='send')
        asks = key(kind='api', name='Nightly figures', rights='look,ask')
        write = key(kind='write', name='Shop', source='shop')
        item = {'customer': {'user': 'u-1'}, 'at': '2026-03-01T10:00:00Z', 'event': 'Call Ended', 'channel': 'phone'}

        def send(n, headers, path='/api/interactions'):
            return s.client(**headers).post(path, {**item, 'id': f'i-{n}'})

        def bearer(text):
            return {'Authorization': f'Bearer {text}'}
        a = send(1, bearer(sends))
        assert a.status == 200 and a.json['accepted'] == 1, a
        assert send(2, bearer(write)).json['accepted'] == 1
        a = send(3, bearer(asks))
        assert a.status == 403 and 'this needs the right “send”' in a.json['detail'], a
        a = send(4, bearer('ca_nonsense'))
        assert a.status == 401, a
        a = s.client(**bearer('ca_nonsense')).get('/api/design')
        assert a.status == 401 and a.headers['WWW-Authenticate'].startswith('Bearer'), a
        a = send(5, {'X-Write-Key': sends}, '/v1/track')
        assert a.status == 401 and 'take a write key' in a.json['detail'], a
        for source, id_ in (('Billing run', 'i-1'), ('shop', 'i-2')):
            items = admin.get('/api/interactions', where=f"source = '{source}'").json['items']
            assert [i['id'] for i in items] == [id_], items
        kinds = {x['name']: (x['kind'], x['n']) for x in admin.get('/api/sources').json['items']}
        assert kinds['Billing run'] == ('tracking', 1) and 'Nightly figures' not in kinds, kinds
        number = next(k['id'] for k in admin.get('/api/keys').json['items'] if k['name'] == 'Billing run')
        assert admin.ask('DELETE', f'/api/keys/{number}').status == 200
        assert send(6, bearer(sends)).status == 401


def departments_are_those_of_the_corridor_file():
    with serving(simulate=SMALL) as s:
        admin = s.everybody()['administrator']
        kim = {'name': 'Kim', 'email': 'kim@tidewater.example', 'role': 'owner'}
        a = admin.post('/api/users', {**kim, 'departments': ['biling']})
        assert a.status == 400 and 'did you mean "billing"?' in a.json['detail'], a
        a = admin.post('/api/users', {**kim, 'departments': ['billing', 'nonsense']})
        assert a.status == 400 and 'use one of' in a.json['detail'], a
        number = admin.post('/api/users', {**kim, 'departments': ['billing']}).json['id']
        a = admin.ask('PATCH', f'/api/users/{number}', body={'departments': ['nonsense']})
        assert a.status == 400, a
        assert admin.ask('PATCH', f'/api/users/{number}', body={'departments': ['logistics']}).status == 200


if __name__ == '__main__':
    main([invited_people_choose_a_password, another_password, whoever_forgot_it_comes_with_a_link,
          the_link_of_serve_asks_for_nothing, my_sessions, links_that_do_not_work, programs_send_with_the_right,
          departments_are_those_of_the_corridor_file])
