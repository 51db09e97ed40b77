# SPDX-License-Identifier: Apache-2.0
"""A walk over the route table, as /api/openapi.json tells it: what every route must refuse."""
import http.client
import json
import sys

from serving import ROLES, main, serving

METHODS = ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')
# What an identifier in a path may be, so that the route is found.
EXAMPLES = {'analysis': 'volume', 'person': 'user:nobody', 'type': 'track', 'key': '99999'}
STREAMS = {'/api/live'}


def path_of(template):
    parts = []
    for part in template.split('/'):
        parts.append(EXAMPLES.get(part[1:-1], '99999') if part.startswith('{') else part)
    return '/'.join(parts)


def walk(run):
    with serving(simulate=('--persons', '50', '--quiet')) as server:
        clients = server.everybody()
        document = clients['administrator'].get('/api/openapi.json').json
        routes = [(path, method.upper(), o) for path, methods in document['paths'].items()
                  for method, o in methods.items()]
        assert len(routes) > 30, len(routes)
        failures = []
        for path, method, operation in routes:
            try:
                run(server, clients, document, path, method, operation)
            except AssertionError as e:
                failures.append(f'{method} {path}: {e}')
        assert not failures, '\n'.join(failures)


def told(operation, answer):
    """Does the document tell of such an answer?"""
    return str(answer.status) in operation['responses']


def by_user(operation):
    return 'x-right' in operation


def wrong_method_is_405():
    def run(server, clients, document, path, method, operation):
        missing = [m for m in METHODS if m.lower() not in document['paths'][path]]
        if path.startswith('/v1') and 'settings' in path:
            return
        for m in missing:
            if m == 'GET':  # the pages take every path
                continue
            a = clients['administrator'].ask(m, path_of(path), body={})
            assert a.status == 405, f'{m}: {a}'
            allow = {x.strip() for x in a.headers['Allow'].split(',')}
            assert method in allow and m not in allow, allow
    walk(run)


def nobody_is_401():
    def run(server, clients, document, path, method, operation):
        if not by_user(operation):
            return
        a = server.client().ask(method, path_of(path), body=None if method == 'GET' else {})
        assert a.status == 401 and told(operation, a), a
        a = server.client(Authorization='Bearer ck_nonsense').ask(method, path_of(path))
        assert a.status == 401, a
    walk(run)


def wrong_role_is_403():
    def run(server, clients, document, path, method, operation):
        if not by_user(operation) or path in STREAMS:
            return
        for role in ROLES:
            rights = clients[role].get('/api/session').json['user']['rights']
            if operation['x-right'] in rights:
                continue
            a = clients[role].ask(method, path_of(path), body=None if method == 'GET' else {})
            assert a.status == 403 and told(operation, a), f'{role}: {a}'
            assert operation['x-right'] in a.json['detail'], a
    walk(run)


def bad_json_is_400():
    def run(server, clients, document, path, method, operation):
        if 'requestBody' not in operation or not by_user(operation) or operation['requestBody'].get('x-bytes'):
            return
        for body in (b'{', b'[1]', b'\xff\xfe', b'"text"', b'{"a":' * 100 + b'1' + b'}' * 100):
            a = clients['administrator'].ask(method, path_of(path), body=body, raw=True,
                                             headers={'Content-Type': 'application/json'})
            assert a.status in (400, 404, 413) and told(operation, a), f'{body[:20]}: {a}'
            assert a.headers['Content-Type'].startswith('application/problem+json'), a.headers
    walk(run)


def oversize_is_413():
    def run(server, clients, document, path, method, operation):
        if 'requestBody' not in operation or not by_user(operation):
            return
        most = operation['requestBody'].get('x-body-bytes', 1 << 20)
        # The length alone is enough: the server must not wait for the body.
        c = http.client.HTTPConnection('127.0.0.1', server.port, timeout=20)
        admin = clients['administrator']
        c.putrequest(method, path_of(path))
        c.putheader('Cookie', admin.cookie)
        c.putheader('X-CSRF-Token', admin.csrf)
        c.putheader('Content-Length', str(most + 1))
        c.endheaders()
        status = c.getresponse().status
        c.close()
        assert status == 413, status
    walk(run)


def cross_site_is_403():
    def run(server, clients, document, path, method, operation):
        if not by_user(operation) or method == 'GET':
            return
        admin = clients['administrator']
        for headers in ({'Origin': 'https://evil.example'}, {'Sec-Fetch-Site': 'cross-site'},
                        {'Sec-Fetch-Site': 'same-site'}, {'Origin': 'null'}):
            a = admin.ask(method, path_of(path), body={}, headers=headers)
            assert a.status == 403, f'{headers}: {a}'
    walk(run)


def by_anybody(operation, method):
    """Does it change something for whoever asks? Ways in have keys and signatures of their own."""
    return method != 'GET' and operation['tags'][0] not in ('tracking', 'webhooks') and not by_user(operation)


def what_anybody_may_send_is_json_of_our_own_pages():
    seen = []

    def run(server, clients, document, path, method, operation):
        if not by_anybody(operation, method):
            return
        seen.append(path)
        nobody = server.client()
        for headers in ({'Origin': 'https://evil.example'}, {'Sec-Fetch-Site': 'cross-site'},
                        {'Sec-Fetch-Site': 'same-site'}, {'Origin': 'null'}):
            a = nobody.ask(method, path_of(path), body={}, headers=headers)
            assert a.status == 403 and "another site" in a.json['detail'], f'{headers}: {a}'
        for kind in (None, 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonx'):
            a = nobody.ask(method, path_of(path), body=b'{}', raw=True, headers={'Content-Type': kind})
            assert a.status == 415 and 'application/json' in a.json['detail'], f'{kind}: {a}'
        for headers in ({}, {'Content-Type': 'Application/JSON; charset=utf-8'}, {'Sec-Fetch-Site': 'none'},
                        {'Sec-Fetch-Site': 'same-origin', 'Origin': f'http://127.0.0.1:{server.port}'}):
            a = nobody.ask(method, path_of(path), body={}, headers=headers)
            assert a.status == 400 and 'is missing' in a.json['detail'], f'{headers}: {a}'
    walk(run)
    assert {'/api/session', '/api/setup', '/api/sign-in-link', '/api/shares/open'} <= set(seen), seen


def another_sites_form_signs_nobody_in():
    with serving(simulate=('--persons', '10', '--quiet')) as server:
        server.everybody()
        body = b'{"email":"viewer@tidewater.example","password":"a quiet corridor by night","x":"="}\r\n'
        for headers in ({'Origin': 'http://localhost:1', 'Sec-Fetch-Site': 'cross-site'}, {}):
            a = server.client().ask('POST', '/api/session', body=body, raw=True,
                                    headers={'Content-Type': 'text/plain', **headers})
            assert a.status in (403, 415) and 'Set-Cookie' not in a.headers, a


def tracking_answers_pages_of_any_site_but_knows_no_cookie():
    with serving(simulate=('--persons', '10', '--quiet')) as server:
        admin = server.everybody()['administrator']
        key = admin.post('/api/keys', {'kind': 'write', 'name': 'x', 'source': 'shop'}).json['key']
        shop = 'https://shop.example'

        def allows(a):
            return (a.headers['Access-Control-Allow-Origin'], a.headers['Access-Control-Allow-Credentials'],
                    a.headers['Vary'])

        asked = {'Origin': shop, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type'}
        for path in ('/v1/track', '/v1/batch', '/batch', '/events', '/api/interactions'):
            a = server.client().ask('OPTIONS', path, headers=asked)
            assert a.status == 204 and allows(a) == (shop, 'true', 'Origin'), a.headers
            assert a.headers['Access-Control-Allow-Headers'] == 'content-type', a.headers
        message = {'writeKey': key, 'event': 'Page Viewed', 'anonymousId': 'a'}
        a = server.client().post('/v1/track', message, headers={'Origin': shop, 'Sec-Fetch-Site': 'cross-site'})
        assert a.status == 200 and allows(a) == (shop, 'true', 'Origin'), a.headers
        # A refusal that a page cannot read would be the network's failure to an SDK, which sends the same again.
        large = {**message, 'properties': {'x': 'x' * 2_000_000}}
        for path, status, coding in (('/v1/track', 413, None), ('/v1/batch', 413, None), ('/v1/track', 400, 'gzip'),
                                     ('/v1/track', 415, 'br')):
            a = server.client().post(path, large if status == 413 else message,
                                     headers={'Origin': shop, 'Content-Encoding': coding})
            assert a.status == status and allows(a) == (shop, 'true', 'Origin'), (path, a.status, a.headers)
        # Whoever is signed in counts for nothing.
        del message['writeKey']
        a = admin.post('/v1/track', message, headers={'Origin': shop})
        assert a.status == 401 and allows(a)[0] == shop, a
        # No route but these tells other sites anything.
        for path in ('/api/session', '/api/design', '/api/shares/open', '/'):
            for method in ('OPTIONS', 'GET'):
                a = admin.ask(method, path, headers={**asked, 'Cookie': admin.cookie})
                assert 'Access-Control-Allow-Origin' not in a.headers, (method, path)


def what_is_not_there_is_404():
    with serving(simulate=('--persons', '10', '--quiet')) as server:
        nobody = server.client()
        for method in ('POST', 'PUT', 'DELETE'):
            for path in ('/v1/nonsense', '/capture/', '/api/nonsense', '/'):
                a = nobody.ask(method, path, body={})
                assert a.status == 404 and 'Allow' not in a.headers, (method, path, a)
        assert nobody.ask('POST', '/healthz', body={}).status == 405
        for headers in ({}, {'Accept': '*/*'}, {'Accept': 'text/html'}):
            a = nobody.ask('GET', '/', headers=headers)
            assert a.status == 200 and b'<!doctype html>' in a.body.lower(), a
            assert nobody.ask('HEAD', '/', headers=headers).status == 200
        assert nobody.get('/journeys').status == 404


def shared_pages_alone_can_be_framed():
    with serving(simulate=('--persons', '10', '--quiet')) as server:
        nobody = server.client()
        for path in ('/', '/sign-in', '/sign-in/x', '/set-up/x', '/dashboards/1', '/settings/users', '/shared', '/sharedx',
                     '/x/shared/y', '//shared/x'):
            a = nobody.ask('GET', path, headers={'Accept': 'text/html'})
            assert a.status == 200 and "frame-ancestors 'self';" in a.headers['Content-Security-Policy'], path
            assert a.headers['Cross-Origin-Resource-Policy'] == 'same-origin', path
        a = nobody.ask('GET', '/shared/some-token', headers={'Accept': 'text/html'})
        assert 'frame-ancestors *;' in a.headers['Content-Security-Policy'], a.headers
        assert a.headers['Cross-Origin-Resource-Policy'] == 'cross-origin', a.headers


def answers_have_an_etag_and_304_for_who_has_them():
    def run(server, clients, document, path, method, operation):
        if method != 'GET' or path in STREAMS or not (by_user(operation) or path == '/api/openapi.json'):
            return
        admin = clients['administrator']
        a = admin.get(path_of(path))
        if a.status != 200 or path == '/metrics':
            return
        tag = a.headers['ETag']
        assert tag and tag.startswith('W/"'), a.headers
        assert '304' in operation['responses'], operation['responses']
        assert 'If-None-Match' in [p['name'] for p in operation['parameters']], operation['parameters']
        for asked in (tag, '"other", ' + tag, tag[2:]):
            b = admin.ask('GET', path_of(path), headers={'If-None-Match': asked})
            if b.status == 200 and b.body != a.body:
                return  # it counts or tells the time
            assert b.status == 304 and b.body == b'' and b.headers['ETag'] == tag, (asked, b.status, b.headers)
            assert b.headers['Cache-Control'] == 'no-store', b.headers
        assert admin.ask('GET', path_of(path), headers={'If-None-Match': '"other"'}).status == 200
        assert server.client().ask('GET', path_of(path), headers={'If-None-Match': tag}).status in (304, 401)
    walk(run)


def missing_csrf_token_is_403():
    asking = {'/api/design/check', '/api/design/diff', '/api/sql', '/api/import/preview', '/api/quarantine/preview'}

    def run(server, clients, document, path, method, operation):
        if not by_user(operation) or method == 'GET' or path in asking:
            return
        for token in (None, 'x' * 43):
            a = clients['administrator'].ask(method, path_of(path), body={}, headers={'X-CSRF-Token': token})
            assert a.status == 403, a
    walk(run)


def answers_are_not_kept_and_cannot_be_framed():
    def run(server, clients, document, path, method, operation):
        if not by_user(operation) or method != 'GET' or path in STREAMS:
            return
        a = clients['administrator'].get(path_of(path))
        assert a.headers['Cache-Control'] == 'no-store' or a.status >= 400, a.headers
        assert a.headers['X-Content-Type-Options'] == 'nosniff', a.headers
        assert a.status != 500, a
    walk(run)


def the_document_is_in_order():
    with serving(simulate=('--persons', '10', '--quiet')) as server:
        document = server.client().get('/api/openapi.json').json
        assert document['openapi'].startswith('3.1')
        ids = [o['operationId'] for methods in document['paths'].values() for o in methods.values()]
        assert len(ids) == len(set(ids))
        json.dumps(document)


def the_access_log_keeps_secrets():
    """What lets somebody in by standing in an address is not written down; what was asked and answered is."""
    secret = 'cw_0123456789abcdef'
    with serving(simulate=('--persons', '10', '--quiet'), options=('--access-log',)) as server:
        nobody = server.client()
        admin = server.everybody()['administrator']
        for path in (f'/i?e=pv&writeKey={secret}', f'/sourceConfig/?writeKey={secret}', f'/hooks/x?hub.verify_token={secret}',
                     f'/v1/projects/{secret}/settings', f'/set-up/{secret}', f'/?a=1&b={secret}'):
            nobody.ask('GET', path)
        nobody.ask('BREW', '/coffee')
        admin.get('/api/query/volume', by='channel')
        assert nobody.get('/healthz').headers['X-Content-Type-Options'] == 'nosniff'
        assert 'Content-Security-Policy' in nobody.get('/assets/nothing').headers
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.said.splitlines() if line.startswith('{')]
    assert secret not in json.dumps(lines), [x for x in lines if secret in json.dumps(x)]
    logged = {(x['method'], x['target']): x['status'] for x in lines}
    assert logged['GET', '/i?e=…&writeKey=…'] == 401, logged
    assert logged['GET', '/v1/projects/{write_key}/settings'] == 404, logged
    assert ('GET', '/set-up/…') in logged and logged['GET', '/?a=…&b=…'] == 200, logged
    assert logged['GET', '/api/query/volume?by=channel'] == 200, logged
    assert logged['BREW', '/coffee'] == 501, logged


if __name__ == '__main__':
    main([the_access_log_keeps_secrets, the_document_is_in_order, wrong_method_is_405, nobody_is_401,
          wrong_role_is_403, bad_json_is_400, oversize_is_413, cross_site_is_403,
          what_anybody_may_send_is_json_of_our_own_pages, another_sites_form_signs_nobody_in,
          tracking_answers_pages_of_any_site_but_knows_no_cookie, answers_have_an_etag_and_304_for_who_has_them,
          what_is_not_there_is_404, shared_pages_alone_can_be_framed, missing_csrf_token_is_403,
          answers_are_not_kept_and_cannot_be_framed])
