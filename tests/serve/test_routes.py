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
        assert a.status == 401, a
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
            assert a.status == 403, f'{role}: {a}'
            assert operation['x-right'] in a.json['detail'], a
    walk(run)


def bad_json_is_400():
    def run(server, clients, document, path, method, operation):
        if 'requestBody' not in operation or not by_user(operation) or operation['requestBody'].get('x-bytes'):
            return
        for body in (b'{', b'[1]', b'\xff\xfe', b'"text"', b'{"a":' * 100 + b'1' + b'}' * 100):
            a = clients['administrator'].ask(method, path_of(path), body=body, raw=True,
                                             headers={'Content-Type': 'application/json'})
            assert a.status in (400, 404, 413), f'{body[:20]}: {a}'
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


if __name__ == '__main__':
    main([the_document_is_in_order, wrong_method_is_405, nobody_is_401, wrong_role_is_403, bad_json_is_400,
          oversize_is_413, cross_site_is_403, missing_csrf_token_is_403,
          answers_are_not_kept_and_cannot_be_framed])
