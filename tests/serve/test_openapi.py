# SPDX-License-Identifier: Apache-2.0
"""/api/openapi.json: is it OpenAPI 3.1, are bodies held to it, and do answers keep to it?"""
import json
import re
import shlex

from json_schema import check_schema, mistakes, resolve
from serving import PASSWORD, main, serving, wait_for

METHODS = {'get', 'put', 'post', 'delete', 'patch'}


def operations(document):
    for path, methods in document['paths'].items():
        for method, operation in methods.items():
            yield path, method, operation


# --- the document ---

def schemas_of(document):
    """Every schema of the document, with its place."""
    for name, s in document['components']['schemas'].items():
        yield f'schemas/{name}', s
    for path, method, o in operations(document):
        where = f'{method} {path}'
        for p in o['parameters']:
            yield f'{where}: parameter {p["name"]}', p['schema']
        contents = [o.get('requestBody', {})] + [response_of(document, r) for r in o['responses'].values()]
        for part in contents:
            for kind, media in part.get('content', {}).items():
                if 'schema' in media:
                    yield f'{where}: {kind}', media['schema']


def response_of(document, response):
    return resolve(document, response['$ref']) if '$ref' in response else response


def check_operation(document, path, method, o):
    assert method in METHODS, f'{path}: {method}'
    placed = re.findall(r'\{(\w+)\}', path)
    declared = [p['name'] for p in o['parameters'] if p['in'] == 'path']
    assert sorted(placed) == sorted(declared), f'{method} {path}: {declared}'
    names = [(p['in'], p['name']) for p in o['parameters']]
    assert len(names) == len(set(names)), f'{method} {path}: {names}'
    for p in o['parameters']:
        assert p['in'] in ('path', 'query', 'header'), p
        assert p['required'] or p['in'] != 'path', p
        assert p['schema'], p
    assert o['responses'], f'{method} {path}'
    for status, r in o['responses'].items():
        r = response_of(document, r)
        assert re.fullmatch(r'[1-5]\d\d|default', status) and r['description'], f'{method} {path}: {status}'
    if 'requestBody' in o:
        assert o['requestBody']['content'], f'{method} {path}'
    assert o['summary'] and o['tags'], f'{method} {path}'


def refs_of(node):
    if isinstance(node, dict):
        if isinstance(node.get('$ref'), str):
            yield node['$ref']
        node = list(node.values())
    if isinstance(node, list):
        for v in node:
            yield from refs_of(v)


def the_document_is_openapi():
    with serving(simulate=('--persons', '10', '--quiet')) as s:
        document = s.client().get('/api/openapi.json').json
    assert document['openapi'].startswith('3.1.') and document['info']['title'] and document['info']['version']
    ids = [o['operationId'] for _, _, o in operations(document)]
    assert len(ids) > 60 and len(ids) == len(set(ids)), [i for i in ids if ids.count(i) > 1]
    for path, method, o in operations(document):
        check_operation(document, path, method, o)
        for scheme in o['security']:
            assert set(scheme) <= set(document['components']['securitySchemes']), scheme
    refs = set(refs_of(document))
    assert len(refs) > 20, refs
    for ref in refs:
        resolve(document, ref)
    wrong = [m for where, schema in schemas_of(document) for m in check_schema(document, schema, where)]
    assert not wrong, '\n'.join(wrong)
    used = {r.split('/')[-1] for r in refs}
    unused = set(document['components']['schemas']) - used
    assert not unused, f'nothing refers to {unused}'


# --- bodies ---

def flat(document, schema):
    return {**resolve(document, schema['$ref']), **schema} if '$ref' in schema else schema


def types_of(schema):
    types = schema.get('type', [])
    return {types} if isinstance(types, str) else set(types)


def sample(document, schema, optional):
    """A value that the schema allows."""
    schema = flat(document, schema)
    if 'enum' in schema:
        return schema['enum'][0]
    types = types_of(schema)
    if 'object' in types:
        return {name: sample(document, s, optional) for name, s in schema.get('properties', {}).items()
                if optional or name in schema.get('required', [])}
    if 'array' in types:
        return [sample(document, schema['items'], optional)]
    if 'string' in types:
        return 'x'
    if 'boolean' in types:
        return False
    return schema.get('minimum', 1)


def wrong_values(document, schema):
    schema = flat(document, schema)
    types = types_of(schema)
    if 'string' not in types:
        yield 'x'
    if 'boolean' not in types:
        yield True
    if not types & {'number', 'integer'}:
        yield 1
    elif 'number' not in types:
        yield 1.5
    yield {} if 'object' not in types else []
    yield [] if 'array' not in types else {}
    if 'null' not in types:
        yield None
    if 'enum' in schema:
        yield 'none of these'
    if 'maximum' in schema:
        yield schema['maximum'] + 1
    if 'minimum' in schema:
        yield schema['minimum'] - 1
    if 'exclusiveMinimum' in schema:
        yield schema['exclusiveMinimum']
    if 'maxItems' in schema:
        yield [sample(document, schema['items'], False)] * (schema['maxItems'] + 1)


def spoilt(document, schema, at=''):
    """Bodies with one mistake each: (the body, the pointer to what is wrong in it)."""
    schema = flat(document, schema)
    good = sample(document, schema, True)
    required = schema.get('required', [])
    yield {**good, 'no/such~thing': 1}, f'{at}/no~1such~0thing'
    for name, s in schema['properties'].items():
        if s.get('readOnly'):
            continue
        if name in required:
            yield {k: v for k, v in good.items() if k != name}, f'{at}/{name}'
        for value in wrong_values(document, s):
            yield {**good, name: value}, f'{at}/{name}'
        items = flat(document, s['items']) if 'items' in s else {}
        if 'properties' in items:
            for item, place in spoilt(document, items, f'{at}/{name}/0'):
                yield {**good, name: [item]}, place
        elif items:
            for value in wrong_values(document, items):
                yield {**good, name: [value]}, f'{at}/{name}/0'


def checked(document):
    """Routes whose bodies are held to their schema."""
    for path, method, o in operations(document):
        media = o.get('requestBody', {}).get('content', {}).get('application/json')
        if media and o['tags'][0] != 'tracking' and not path.startswith('/hooks/'):
            yield path, method, o, media['schema']


def bodies_are_held_to_their_schemas():
    with serving(simulate=('--persons', '10', '--quiet')) as s:
        admin = s.everybody()['administrator']
        document = admin.get('/api/openapi.json').json
        n = 0
        for path, method, o, schema in checked(document):
            assert flat(document, schema)['additionalProperties'] is False, path
            to = re.sub(r'\{\w+\}', '99999', path)
            for body, at in spoilt(document, schema):
                n += 1
                a = admin.ask(method.upper(), to, body=body)
                said = f'{method} {path} {at} {json.dumps(body):.200}: {a}'
                assert a.status == 400 and a.headers['Content-Type'] == 'application/problem+json', said
                assert at in [e['pointer'] for e in a.json['errors']], said
                assert f'“{a.json["errors"][0]["pointer"][1:]}”' in a.json['detail'], said
                assert not list(mistakes(document, {'$ref': '#/components/schemas/Problem'}, a.json, strict=True)), said
                assert all(e['detail'] and e['remedy'] for e in a.json['errors']), said
                assert list(mistakes(document, schema, body)), f'the schema allows it: {said}'
        assert n > 400, n


def bodies_as_declared_are_not_refused_for_their_form():
    with serving(simulate=('--persons', '10', '--quiet')) as s:
        admin = s.everybody()['administrator']
        document = admin.get('/api/openapi.json').json
        for path, method, o, schema in checked(document):
            if path == '/api/session':  # a few wrong passwords, and the address waits
                continue
            to = re.sub(r'\{\w+\}', '99999', path)
            least, whole = sample(document, schema, False), sample(document, schema, True)
            nulls = {name: None for name in whole if name not in least}
            answers = []
            for body in (whole, least, {**nulls, **least}):
                assert not list(mistakes(document, schema, body)), body
                answers.append(admin.ask(method.upper(), to, body=body))
                assert answers[-1].status < 500 and 'errors' not in answers[-1].json, f'{method} {path} {body}: {answers[-1]}'
            if answers[1].status == 400:  # what is null is as if it were left out
                assert answers[1].json == answers[2].json, f'{method} {path}: {answers}'


def every_mistake_is_told():
    with serving(simulate=('--persons', '10', '--quiet')) as s:
        admin = s.everybody()['administrator']
        a = admin.post('/api/dashboards', {'titel': 'x', 'tiles': [{'title': 'a', 'view': '/'}, {'title': 7}]})
        assert a.status == 400 and [e['pointer'] for e in a.json['errors']] == [
            '/titel', '/title', '/tiles/1/title', '/tiles/1/view'], a.json
        assert a.json['detail'] == '“titel” is not known here; what can be given: title, tiles', a.json
        a = admin.post('/api/users', {'email': 'x@x.example', 'name': 'x', 'role': 'boss'})
        assert a.json['detail'] == ('“role” is none of what it can be; one of viewer, agent, owner, manager, '
                                    'administrator'), a.json
        # As it was read it can be sent back.
        board = admin.post('/api/dashboards', {'title': 'x'}).json
        a = admin.ask('PUT', '/api/dashboards/' + board['id'], body={**board, 'title': 'y'})
        assert a.status == 200 and a.json['title'] == 'y' and a.json['id'] == board['id'], a


def native_interactions_are_held_to_theirs():
    with serving(simulate=('--persons', '10', '--quiet')) as s:
        admin = s.everybody()['administrator']
        document = admin.get('/api/openapi.json').json
        key = admin.post('/api/keys', {'kind': 'write', 'name': 'web', 'source': 'shop'}).json['key']
        good = {'customer': {'user': 'u-1'}, 'at': '2026-03-01T10:00:00Z', 'event': 'Asked', 'id': 'i-1', 'channel': 'phone',
                'source': 'shop', 'agent': 'kim', 'location': 'kiel', 'measures': {'csat': 4}, 'promise': {'id': 'p-1'},
                'text': 'when?', 'properties': {'a': None}}
        schema = document['paths']['/api/interactions']['post']['requestBody']['content']['application/json']['schema']
        item = {'$ref': '#/components/schemas/NewInteraction'}
        declared = flat(document, item)['properties']
        assert set(declared) == set(good) | {'keeps'}, declared

        def send(x):
            a = s.client().post('/api/interactions', x, headers={'X-Write-Key': key})
            assert (a.status == 200) == (not list(mistakes(document, schema, x))), f'{x}: {a}'
            if a.status == 422:
                told = list(unlike(document, document['paths']['/api/interactions']['post'], a, x))
                assert not told and a.json['status'] == 422 and a.json['problems'], (told, a)
            return a

        assert send(good).status == send({'interactions': [good]}).status == 200
        assert send({**good, 'customer': [{'type': 'user', 'value': 'u-1'}], 'at': 1772359200000}).status == 200
        for name in declared:
            if name in ('customer', 'at', 'event'):
                send({k: v for k, v in good.items() if k != name})
            for value in (True, [1], 1.5, None, {'x': [1]},
                          {'id': 'p-1', 'due': '2026-03-02T10:00:00Z'}, {'keeps': 'p-1'}):
                if name != 'measures' or value is None or not isinstance(value, dict):  # which there are, the corridor says
                    send({**good, name: value})
        send({**good, 'nonsense': 1})


# --- parameters ---

def wrong_parameters(parameter):
    schema = parameter['schema']
    types = types_of(schema)
    if 'integer' in types or 'number' in types:
        yield 'x'
    if 'integer' in types:
        yield '1.5'
    if 'boolean' in types:
        yield 'x'
    if 'enum' in schema:
        yield 'none of these'
    if 'maximum' in schema:
        yield schema['maximum'] + 1
    if 'minimum' in schema:
        yield schema['minimum'] - 1


def parameters_are_held_to_their_schemas():
    with serving(simulate=('--persons', '20', '--quiet')) as s:
        admin = s.everybody()['administrator']
        document = admin.get('/api/openapi.json').json
        needed = needed_parameters(admin)
        questions = [path for path, o in document['paths'].items()
                     if any(p['name'] == 'where' for p in o.get('get', {}).get('parameters', ()))]
        n = 0
        for path, method, o in operations(document):
            if method != 'get' or not path.startswith('/api/') or o['tags'][0] == 'tracking':
                continue
            to = re.sub(r'\{person\}', next(iter(needed['/api/persons/{person}'])), path)
            to = re.sub(r'\{\w+\}', '1', to)
            if o.get('security') != [] and path not in ('/api/live', '/api/session'):
                query = {**needed.get(path, {}), 'no_such': '1'} if '{person}' not in path else {'no_such': '1'}
                a = admin.ask('GET', to, query=query)
                assert a.status == 400 and 'no_such' in a.json['detail'], f'{path}: {a}'
            for p in o['parameters']:
                if p['in'] != 'query':
                    continue
                schema = p['schema']
                default = schema.get('default')
                assert default is None or not list(mistakes(document, schema, default)), p
                if schema.get('type') != 'array' and path not in questions:
                    twice = admin.ask('GET', to, query={**needed.get(path, {}), p['name']: ['1', '1']})
                    assert twice.status == 400 and p['name'] in twice.json['detail'], f'{path} {p["name"]}: {twice}'
                for value in wrong_parameters(p):
                    n += 1
                    query = {**needed.get(path, {}), p['name']: value} if path != '/api/persons/{person}' else {p['name']: value}
                    a = admin.ask('GET', to, query=query)
                    assert a.status == 400 and p['name'] in a.json['detail'], f'{path} {query}: {a}'
        assert n > 150, n


# --- answers ---

MAPPING = """mapping: 1
source: shop
format: csv
interactions:
  event: "{event}"
  id: "{id}"
  customer: {user: "{customer}"}
  at: "{at}"
"""
HOOK = """mapping: 1
source: desk
format: ndjson
interactions:
  event: "{event}"
  id: "{id}"
  customer: {user: "{who}"}
  at: "{at}"
  text: "{note}"
"""


def needed_parameters(admin):
    """What a question cannot do without: parameters by path."""
    someone = json.loads(admin.post('/api/sql', {'sql': 'SELECT identities FROM people LIMIT 1'}).json['rows'][0][0])[0]
    needed = {'/api/search': {'q': someone}, '/api/persons/{person}': {someone: ''}}
    touchpoints = [t['key'] for t in admin.get('/api/design').json['touchpoints']]
    for a in admin.get('/api/analyses').json:
        given, kinds = {}, {p['name']: p['type'] for p in a['params']}
        words = shlex.split(a['example'] or '')
        for name, value in zip([w.removeprefix('--') for w in words[::2]], words[1::2]):
            if kinds[name] == 'filter' and value.isalpha() and value not in touchpoints:
                value = touchpoints[-1]
            given.setdefault(name, []).append(someone if name == 'customer' else value)
        needed['/api/query/' + a['name']] = given
    return needed


# They need more than a server of its own, or answer as another does.
UNASKED = {('/api/live', 'get'), ('/hooks/{name}', 'get'), ('/hooks/{name}', 'post'), ('/api/openapi.json', 'get'),
           ('/api/setup', 'post'), ('/api/setup/check', 'post'), ('/api/import/jobs/{job}', 'delete'),
           ('/api/sessions/{session}', 'delete'), ('/api/users/{user}', 'delete'), ('/api/hooks/{hook}', 'delete'),
           ('/api/shares/{share}', 'delete')}


class Checked:
    """Asks, and notes what in the answers is not as the document says."""

    def __init__(self, client, document):
        self.client, self.document, self.wrong, self.asked = client, document, [], set()

    def ask(self, method, path, body=None, client=None, **more):
        """path: as the document has it, with what is in braces in more."""
        ids = {name: more.pop(name) for name in re.findall(r'\{(\w+)\}', path)}
        a = (client or self.client).ask(method, path.format(**ids), body=body, **more)
        self.wrong += unlike(self.document, self.document['paths'][path][method.lower()], a, f'{method} {path}')
        self.asked.add((path, method.lower()))
        return a.json


def fill(s, c):
    """Asks all that writes, so that there is something of everything that answers are made of; the number of an import."""
    design = c.client.get('/api/design/text').json['text']
    c.ask('POST', '/api/session', {'email': 'viewer@tidewater.example', 'password': PASSWORD}, client=s.client())
    board = c.ask('POST', '/api/dashboards', {'title': 'One', 'tiles': [{'title': 'a', 'view': '/journeys/gap'}]})
    c.ask('PUT', '/api/dashboards/{dashboard}', {**board, 'title': 'Two'}, dashboard=board['id'])
    second = c.ask('POST', '/api/dashboards', {'title': 'Three'})
    c.ask('DELETE', '/api/dashboards/{dashboard}', dashboard=second['id'])
    share = c.ask('POST', '/api/shares', {'path': '/', 'title': 'x', 'days': 1})
    c.ask('POST', '/api/shares/open', {'token': share['url'].split('/')[-1]}, client=s.client())
    user = c.ask('POST', '/api/users', {'name': 'Kim', 'email': 'kim@tidewater.example', 'role': 'viewer'})
    c.ask('PATCH', '/api/users/{user}', {'name': 'Kim Nowak', 'departments': None}, user=user['id'])
    link = c.ask('POST', '/api/users/{user}/link', {}, user=user['id'])
    kim = s.client()
    kim.csrf = c.ask('POST', '/api/sign-in-link', {'token': link['link'].split('/')[-1]}, client=kim)['csrf']
    c.ask('POST', '/api/password', {'password': 'a new corridor by day'}, client=kim)
    c.ask('DELETE', '/api/sessions', client=kim)
    c.ask('DELETE', '/api/session', client=kim)
    c.ask('POST', '/api/keys', {'kind': 'api', 'name': 'look', 'rights': 'look', 'days': 1})
    old = c.ask('POST', '/api/keys', {'kind': 'write', 'name': 'old', 'source': 'old'})
    c.ask('DELETE', '/api/keys/{key}', key=old['id'])
    write = c.ask('POST', '/api/keys', {'kind': 'write', 'name': 'web', 'source': 'shop', 'origins': ['https://shop.example']})
    c.ask('POST', '/api/hooks', {'name': 'desk', 'mapping': HOOK, 'style': 'standard'})
    c.ask('PATCH', '/api/hooks/{hook}', {'new_secret': True, 'window': 60}, hook='desk')
    body = '{"event": "Asked", "id": "h-1", "who": "u-1", "at": "2026-03-01T10:00:00Z", "note": "when?"}'
    c.ask('POST', '/api/hooks/{hook}/test', {'body': body}, hook='desk')
    c.ask('POST', '/api/hooks/{hook}/test', {'body': '{"event": "Asked"}'}, hook='desk')
    head = {'X-Write-Key': write['key']}
    items = [{'customer': {'user': f'u-{i}'}, 'event': 'Call Ended', 'at': '2026-03-01T10:00:00Z', 'id': f'i-{i}',
              'text': 'well' if i else 'bad', 'measures': {'csat': 4}, 'properties': {'a': 1}} for i in range(3)]
    c.ask('POST', '/api/interactions', {'interactions': items + [{'nonsense': 1}]}, client=s.client(), headers=head)
    c.ask('POST', '/v1/track', {'event': 'x'}, client=s.client(), headers=head)  # nobody: to quarantine
    c.ask('POST', '/api/link', {'from': 'user:u-1', 'to': 'user:u-2'})
    c.ask('POST', '/api/unlink', {'customer': 'user:u-1'})
    c.ask('POST', '/api/erase', {'interactions': [{'source': 'shop', 'id': 'i-0'}]})
    c.ask('POST', '/api/erase', {'customer': 'user:u-1'})
    c.ask('POST', '/api/sql', {'sql': 'SELECT channel, at, csat, NULL AS x FROM interactions', 'limit': 5})
    softer = design.replace('for: 95%', 'for: 90%', 1)
    c.ask('POST', '/api/design/check', {'text': design + '\nnonsense: 1\n'})
    c.ask('POST', '/api/design/diff', {'text': softer})
    c.ask('POST', '/api/design', {'text': softer})
    rows = b'id,customer,event,at\n1,u-1,Called,2026-03-02T10:00:00Z\n2,,Called,nonsense\n'
    up = c.ask('POST', '/api/import/files', body=rows, raw=True, query={'name': 'calls.csv'})
    c.ask('POST', '/api/import/preview', {'file': up['file'], 'mapping': MAPPING})
    c.ask('POST', '/api/import/preview', {'file': up['file'], 'mapping': 'mapping: 1\nsorce: x\n'})
    job = c.ask('POST', '/api/import', {'file': up['file'], 'mapping': MAPPING})['job']
    assert wait_for(lambda: c.client.get(f'/api/import/jobs/{job}').json['state'] == 'done')
    ids = [i['id'] for i in c.client.get('/api/quarantine', source='calls.csv').json['items']]
    c.ask('POST', '/api/quarantine/preview', {'ids': ids, 'mapping': MAPPING})
    c.ask('POST', '/api/quarantine/replay', {'ids': ids, 'mapping': MAPPING.replace('{at}', '2026-03-02T10:00:00Z')})
    c.ask('POST', '/api/quarantine/drop', {'file': 'nothing'})
    return job


def unlike(document, o, a, said):
    """What in an answer is not as the document says of its status."""
    response = response_of(document, o['responses'].get(str(a.status), {}))
    kind = a.headers['Content-Type'].split(';')[0]
    media = response.get('content', {}).get(kind)
    if media is None:
        yield f'{said}: {a.status} with {kind} is not told of: {a}'
    elif kind.endswith('json'):
        for wrong in mistakes(document, media['schema'], a.json, strict=True):
            yield f'{said}{wrong:.300}'


def answers_keep_to_their_schemas():
    with serving(simulate=('--persons', '300', '--quiet')) as s:
        clients = s.everybody()
        admin = clients['administrator']
        document = admin.get('/api/openapi.json').json
        c = Checked(admin, document)
        ids = {'job': fill(s, c)}
        needed = needed_parameters(admin)
        ids['person'] = next(iter(needed['/api/persons/{person}']))
        empty = []
        for path, method, o in operations(document):
            if method != 'get' or o['tags'][0] == 'tracking' or path in ('/api/live', '/hooks/{name}', '/api/openapi.json'):
                continue
            here = {name: ids[name] for name in re.findall(r'\{(\w+)\}', path)}
            query = needed.get(path, {}) if 'person' not in path else {}
            a = admin.ask('GET', path.format(**here), query=query)
            c.wrong += unlike(document, o, a, path)
            c.asked.add((path, method))
            if path.startswith('/api/query/'):
                csv = admin.ask('GET', path, query={**query, 'format': 'csv'})
                c.wrong += unlike(document, o, csv, f'{path} as CSV')
            if path.startswith('/api/') and a.status == 200:
                told = a.json.get('items', a.json.get('rows', [1])) if isinstance(a.json, dict) else a.json
                empty += [path] if not told else []
            for role in ('viewer', 'owner') if 'x-right' in o else ():  # who may see less
                b = clients[role].ask('GET', path.format(**here), query=query)
                if b.status == 200:
                    c.wrong += unlike(document, o, b, f'{role}: {path}')
        assert not c.wrong, '\n'.join(c.wrong[:40])
        assert not empty, f'they told nothing, which proves nothing: {empty}'
        left = {(p, m) for p, m, o in operations(document) if o['tags'][0] != 'tracking'} - c.asked
        assert left <= UNASKED, left - UNASKED


if __name__ == '__main__':
    main([the_document_is_openapi, bodies_are_held_to_their_schemas, bodies_as_declared_are_not_refused_for_their_form,
          every_mistake_is_told, native_interactions_are_held_to_theirs, parameters_are_held_to_their_schemas, answers_keep_to_their_schemas])
