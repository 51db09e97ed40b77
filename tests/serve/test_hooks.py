# SPDX-License-Identifier: Apache-2.0
"""Webhooks: the five examples against a server, signed rightly, wrongly, long ago and not at all; what cannot be mapped
and its return; kills; setting up over the API and the command line. Signatures are made here with Python's hmac."""
import base64
import datetime
import hashlib
import hmac
import json
import os
import re
import stat
import subprocess
import threading
import time

from serving import main, serving, wait_for

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../examples/hooks')
DESIGN = os.path.join(EXAMPLES, 'corridor.yaml')
SECRET = 'a secret/of+the=service'.replace(' ', '-')


def read(name):
    with open(os.path.join(EXAMPLES, name), 'rb') as f:
        return f.read()


def mac(digest, text, secret=SECRET):
    return hmac.new(secret.encode(), text, digest)


def b64(bytes_):
    return base64.b64encode(bytes_).decode()


def shopify(body, at, secret=SECRET):
    return {'X-Shopify-Hmac-Sha256': b64(mac('sha256', body, secret).digest())}


def stripe(body, at, secret=SECRET):
    t = str(int(at))
    return {'Stripe-Signature': f't={t},v1=' + mac('sha256', t.encode() + b'.' + body, secret).hexdigest()}


def zendesk(body, at, secret=SECRET):
    t = datetime.datetime.fromtimestamp(int(at), datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
    return {'X-Zendesk-Webhook-Signature-Timestamp': t,
            'X-Zendesk-Webhook-Signature': b64(mac('sha256', t.encode() + body, secret).digest())}


def standard(body, at, secret=SECRET):
    text = f'msg_1.{int(at)}.'.encode() + body
    return {'webhook-id': 'msg_1', 'webhook-timestamp': str(int(at)),
            'webhook-signature': 'v1,' + b64(mac('sha256', text, secret).digest())}


def sha512(body, at, secret=SECRET):
    return {'X-Signature': mac('sha512', body, secret).hexdigest()}


def slack(body, at, secret=SECRET):
    t = str(int(at))
    return {'X-Slack-Request-Timestamp': t,
            'X-Slack-Signature': 'v0=' + mac('sha256', b'v0:' + t.encode() + b':' + body, secret).hexdigest()}


# name, style, how it is signed, body, interactions of it, is the time signed
SYSTEMS = (('shop', 'shopify', shopify, 'shop.json', 1, False),
           ('courier', 'stripe', stripe, 'courier.json', 1, True),
           ('helpdesk', 'zendesk', zendesk, 'helpdesk.json', 3, True),
           ('reviews', 'standard', standard, 'reviews.json', 2, True),
           ('telephony', 'hmac-sha512', sha512, 'telephony.form', 1, False))


def add(admin, name, style, mapping=None, **more):
    a = admin.post('/api/hooks', {'name': name, 'style': style, 'secret': SECRET,
                                  'mapping': (mapping or read(f'{name}.yaml')).decode(), **more})
    assert a.status == 201, a
    return a.json


def send(server, name, body, headers):
    return server.client().ask('POST', f'/hooks/{name}', body=body, raw=True, headers=headers)


def stored(client):
    return client.get('/api/query/volume').json['n']


def metric(client, name):
    for line in client.get('/metrics').body.decode().splitlines():
        if line.startswith(f'corridor_{name} '):
            return float(line.split()[1])
    raise AssertionError(name)


def the_five_examples():
    with serving(design=DESIGN) as s:
        c = s.everybody()
        admin, total, refused = c['administrator'], 0, 0
        for name, style, sign, file, n, timed in SYSTEMS:
            assert 'secret' not in add(admin, name, style)
            body, now = read(file), time.time()
            assert send(s, name, body, {}).status == 401
            assert send(s, name, body + b' ', sign(body, now)).status == 401
            assert send(s, name, body, sign(body, now, 'another secret')).status == 401
            refused += 3
            if timed:
                assert send(s, name, body, sign(body, now - 600)).status == 401
                assert send(s, name, body, sign(body, now + 600)).status == 401
                refused += 2
                a = send(s, name, body, {})
                assert a.json['detail'] == 'the signature is missing, wrong or too old', a
                refused += 1
            assert stored(admin) == total, name
            a = send(s, name, body, sign(body, now))
            assert a.status == 200 and a.json == {'interactions': n, 'rejected': 0}, (name, a)
            total += n
            assert stored(admin) == total, name  # durable and seen when it is answered
            a = send(s, name, body, sign(body, now))
            assert a.status == 200 and stored(admin) == total, (name, a)
        items = admin.get('/api/interactions', limit=50).json['items']
        assert {i['touchpoint'] for i in items} == {'order', 'delivery', 'help', 'call', 'review'}, items
        assert admin.get('/api/quarantine').json['total'] == 0
        assert metric(admin, 'hooks_taken_total') == 2 * len(SYSTEMS)
        assert metric(admin, 'hooks_refused_total') == refused
        entries = [x for x in admin.get('/api/audit', limit=500).json['items'] if x['what'] == 'hook.refused']
        assert refused <= 30 and len(entries) == refused and {x['on'] for x in entries} == {x[0] for x in SYSTEMS}
        assert SECRET not in json.dumps(entries)


def what_cannot_be_mapped_comes_back():
    with serving(design=DESIGN) as s:
        admin = s.everybody()['administrator']
        add(admin, 'shop', 'shopify')
        now, good = time.time(), json.loads(read('shop.json'))
        bad = json.dumps([good, {**good, 'id': 2, 'created_at': 'yesterday'}, {**good, 'id': 3}], indent=2).encode()
        a = send(s, 'shop', bad, shopify(bad, now))
        assert a.status == 200 and a.json == {'interactions': 2, 'rejected': 1}, a
        whole = b'{"id": '
        assert send(s, 'shop', whole, shopify(whole, now)).json == {'interactions': 0, 'rejected': 1}
        assert send(s, 'shop', whole, shopify(whole, now)).json['rejected'] == 1  # in the quarantine it is once
        held = admin.get('/api/quarantine').json
        assert held['total'] == 2 and stored(admin) == 2, held
        assert {i['source'] for i in held['items']} == {'hooks/shop'}
        def source(name):
            return [(x['kind'], x['n'], x['rejected']) for x in admin.get('/api/sources').json['items'] if x['name'] == name]
        from_mapping = re.search(r'^source: (.*)$', read('shop.yaml').decode(), re.M)[1]
        assert source(from_mapping) == [('webhook', 2, 2)], admin.get('/api/sources').json
        raw = {i['raw'] for i in held['items']}
        assert whole.decode() in raw and any(json.loads(r)['id'] == 2 for r in raw if r != whole.decode()), raw
        # As it is, nothing of it can be understood.
        assert admin.post('/api/quarantine/replay', {'all': True}).json['rejected'] == 2
        mended = read('shop.yaml').decode().replace('at: "{created_at}"',
                                                    'at: {column: promised_delivery, format: yyyy-MM-dd}')
        a = admin.ask('PATCH', '/api/hooks/shop', body={'mapping': mended})
        assert a.status == 200 and a.json['mapping'] == mended, a
        a = admin.post('/api/quarantine/replay', {'all': True}).json
        assert (a['taken'], a['interactions'], a['rejected']) == (1, 1, 1), a
        assert stored(admin) == 3 and admin.get('/api/quarantine').json['total'] == 1
        # A webhook that is gone leaves its bodies where they are.
        assert admin.ask('DELETE', '/api/hooks/shop', body={}).status == 200
        assert admin.post('/api/quarantine/replay', {'all': True}).json['rejected'] == 1
        assert 'no webhook' in admin.get('/api/quarantine').json['items'][0]['reason']
        assert source('hooks/shop') == [('webhook', 0, 1)], admin.get('/api/sources').json
        assert source(from_mapping) == [('file', 3, 0)], admin.get('/api/sources').json
        assert send(s, 'shop', whole, shopify(whole, now)).status == 404


def a_corridor_file_that_the_mapping_does_not_fit():
    with serving(design=DESIGN) as s:
        admin = s.everybody()['administrator']
        add(admin, 'shop', 'shopify')
        before = read('corridor.yaml').decode()
        assert 'web: digital, ' in before and 'channels: [web]' in before
        after = before.replace('web: digital, ', 'site: digital, ').replace('channels: [web]', 'channels: [site]')
        body = read('shop.json')
        assert admin.post('/api/design', {'text': after}).status == 200
        a = send(s, 'shop', body, shopify(body, 0))
        assert a.status == 200 and a.json == {'interactions': 0, 'rejected': 1}, a
        item = admin.get('/api/quarantine').json['items'][0]
        assert 'does not fit the corridor file' in item['reason'] and item['raw'].encode() == body, item
        a = admin.ask('PATCH', '/api/hooks/shop', body={'mapping': read('shop.yaml').decode()})
        assert a.status == 400 and 'mapping:' in a.json['detail'], a
        assert admin.post('/api/design', {'text': before}).status == 200
        assert admin.post('/api/quarantine/replay', {'all': True}).json['interactions'] == 1
        other = json.dumps({**json.loads(body), 'id': 7}).encode()
        assert send(s, 'shop', other, shopify(other, 0)).json == {'interactions': 1, 'rejected': 0}
        assert stored(admin) == 2


def handshakes():
    with serving(design=DESIGN) as s:
        admin = s.everybody()['administrator']
        add(admin, 'slack', 'slack', read('helpdesk.yaml'))
        body = json.dumps({'type': 'url_verification', 'challenge': '3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P'})
        now = time.time()
        a = send(s, 'slack', body.encode(), slack(body.encode(), now))
        assert a.status == 200 and a.body.decode() == json.loads(body)['challenge'], a
        assert a.headers['Content-Type'].startswith('text/plain') and a.headers['X-Content-Type-Options'] == 'nosniff'
        assert send(s, 'slack', body.encode(), {}).status == 401
        page = json.dumps({'type': 'url_verification', 'challenge': '<script>'}).encode()
        assert b'<script>' not in send(s, 'slack', page, slack(page, now)).body
        token = add(admin, 'meta', 'github', read('helpdesk.yaml'))['verify_token']
        assert token != SECRET and len(token) == 32
        nobody = s.client()

        def verify(**more):
            query = {'hub.mode': 'subscribe', 'hub.challenge': '1158201444', 'hub.verify_token': token, **more}
            return nobody.ask('GET', '/hooks/meta', query=query)
        assert verify().body == b'1158201444'
        for wrong in ({'hub.mode': 'unsubscribe'}, {'hub.verify_token': 'x' + token[1:]}, {'hub.verify_token': ''},
                      {'hub.challenge': '<script>'}, {'hub.challenge': ''}, {'hub.verify_token': SECRET}):
            assert verify(**wrong).status == 404, wrong
        assert nobody.get('/hooks/slack').status == nobody.get('/hooks/nothing').status == 404


def setting_up():
    with serving(design=DESIGN) as s:
        c = s.everybody()
        admin = c['administrator']
        mapping = read('shop.yaml').decode()
        good = {'name': 'shop', 'style': 'shopify', 'mapping': mapping}
        for wrong, said in (({'name': 'Shop'}, 'name of a webhook'), ({'name': '../x'}, 'name of a webhook'),
                            ({'style': 'none'}, 'style'), ({'mapping': 'mapping: 2'}, 'mapping:'),
                            ({'secret': 'short'}, 'secret'), ({'secret': 'with a space'}, 'secret'),
                            ({'mapping': mapping.replace('ndjson', 'csv')}, 'ndjson'),
                            ({'window': -1}, 'window'), ({'enabled': 'yes'}, 'enabled'),
                            ({'header': 'X Y'}, 'header'), ({'mapping': None}, 'mapping'), ({'name': None}, 'name')):
            a = admin.post('/api/hooks', {**good, **wrong})
            assert a.status == 400 and said in a.json['detail'], (wrong, a)
        a = admin.post('/api/hooks', good)
        assert a.status == 201 and len(a.json['secret']) == 64, a
        first = a.json['secret']
        assert admin.post('/api/hooks', good).status == 409
        told = admin.get('/api/hooks')
        assert first not in told.body.decode() and len(told.json['styles']) == 10
        assert [(h['name'], h['path'], h['secrets']) for h in told.json['items']] == [('shop', '/hooks/shop', 1)]
        body = read('shop.json')
        assert send(s, 'shop', body, shopify(body, 0, first)).status == 200
        # A new secret: the one before counts until it is forgotten.
        a = admin.ask('PATCH', '/api/hooks/shop', body={'new_secret': True})
        second = a.json['secret']
        assert a.json['secrets'] == 2 and second != first
        for secret, status in ((first, 200), (second, 200), (SECRET, 401)):
            assert send(s, 'shop', body, shopify(body, 0, secret)).status == status
        assert admin.ask('PATCH', '/api/hooks/shop', body={'forget_secret': True}).json['secrets'] == 1
        assert send(s, 'shop', body, shopify(body, 0, first)).status == 401
        assert send(s, 'shop', body, shopify(body, 0, second)).status == 200
        assert admin.ask('PATCH', '/api/hooks/shop', body={'enabled': False}).json['enabled'] is False
        assert send(s, 'shop', body, shopify(body, 0, second)).status == 404
        assert admin.ask('PATCH', '/api/hooks/shop', body={'enabled': True, 'style': 'token',
                                                           'header': 'X-Shop-Token'}).status == 200
        assert send(s, 'shop', body, {'X-Shop-Token': second}).status == 200
        assert send(s, 'shop', body, {'X-Shop-Token': second[1:]}).status == 401
        big = b'{"a":"' + b'x' * (1 << 20) + b'"}'
        assert send(s, 'shop', big, {'X-Shop-Token': second}).status == 413
        # Trying stores nothing; the mapping may be another one, and the webhook need not be there then.
        before = stored(admin)
        a = admin.post('/api/hooks/shop/test', {'body': body.decode()})
        assert [i['event'] for i in a.json['interactions']] == ['Order Placed'] and not a.json['rejected'], a
        x = a.json['interactions'][0]
        assert x['touchpoint'] == 'order' and x['measures'] == {'amount': 5980} and x['promise'] == '#1042', x
        assert x['customer'][0] == {'type': 'user', 'value': '9917'}, x
        a = admin.post('/api/hooks/shop/test', {'body': '[{"id":1}, 7]'}).json
        assert [r['index'] for r in a['rejected']] == [0, 1] and not a['interactions'], a
        a = admin.post('/api/hooks/new/test', {'body': read('telephony.form').decode(),
                                               'mapping': read('telephony.yaml').decode()})
        assert a.json['interactions'][0]['event'] == 'Call Ended', a
        assert admin.post('/api/hooks/new/test', {'body': '{}'}).status == 404
        assert admin.post('/api/hooks/shop/test', {'body': '{}', 'mapping': 'mapping: [}'}).status == 400
        assert stored(admin) == before and admin.get('/api/quarantine').json['total'] == 0
        for role in ('viewer', 'agent', 'owner', 'manager'):
            assert c[role].get('/api/hooks').status == c[role].post('/api/hooks', good).status == 403
        acts = [x['what'] for x in admin.get('/api/audit', limit=500).json['items'] if x['what'].startswith('hook.')]
        assert acts.count('hook.add') == 1 and acts.count('hook.change') == 4, acts
        mode = os.stat(os.path.join(s.data, 'access.db')).st_mode
        assert stat.S_IMODE(mode) == 0o600, oct(mode)


def from_the_command_line():
    with serving(design=DESIGN) as s:
        admin = s.everybody()['administrator']
        secret = os.path.join(s.data, '../secret')
        with open(secret, 'w') as f:
            f.write(SECRET + '\n')
        data = ('--data', s.data)
        s.run('hook', 'add', 'shop', '--map', os.path.join(EXAMPLES, 'shop.yaml'), '--style', 'shopify',
              '--secret-file', secret, *data)
        body = read('shop.json')
        # Beside the running server: known to it a moment later.
        assert wait_for(lambda: send(s, 'shop', body, shopify(body, 0)).status == 200)
        listed = json.loads(s.run('hook', 'list', '--format', 'json', *data))['hooks']
        assert [(h['name'], h['style'], h['enabled']) for h in listed] == [('shop', 'shopify', True)]
        assert SECRET not in s.run('hook', 'show', 'shop', *data) + s.run('hook', 'show', 'shop', '--format', 'json', *data)
        assert 'Order Placed' in s.run('hook', 'show', 'shop', *data)
        tried = json.loads(s.run('hook', 'test', 'shop', os.path.join(EXAMPLES, 'shop.json'), *data))
        assert tried['interactions'][0]['id'] == '820982911946154508', tried
        tried = json.loads(s.run('hook', 'test', 'x', os.path.join(EXAMPLES, 'reviews.json'), '--map',
                                 os.path.join(EXAMPLES, 'reviews.yaml'), *data))
        assert len(tried['interactions']) == 2
        made = s.run('hook', 'set', 'shop', '--new-secret', '--style', 'standard', *data).strip()
        assert made.startswith('whsec_') and len(base64.b64decode(made[6:])) == 32, made
        key = base64.b64decode(made[6:])
        text = f'msg_1.{int(time.time())}.'.encode() + body
        headers = {'webhook-id': 'msg_1', 'webhook-timestamp': text.split(b'.')[1].decode(),
                   'webhook-signature': 'v1,' + b64(hmac.new(key, text, 'sha256').digest())}
        assert wait_for(lambda: send(s, 'shop', body, headers).status == 200)
        bad = b'{"id":5,"financial_status":"paid","customer":{"id":1},"created_at":"never"}'
        assert send(s, 'shop', bad, standard(bad, time.time())).json['rejected'] == 1
        assert s.stop() == 0
        # Without a server: replayed with the webhook's mapping, then with a mended one.
        report = json.loads(s.run('quarantine', 'replay', '--file', 'hooks/shop', '--format', 'json', *data))
        assert report['total']['quarantined'] == report['total']['rows'] == 1, report
        assert 'hooks/shop' in s.run('quarantine', 'list', *data)
        mended = os.path.join(s.data, '../mended.yaml')
        with open(mended, 'w') as f:
            f.write(read('shop.yaml').decode().replace('at: "{created_at}"', 'at: 2026-03-25'))
        s.run('hook', 'set', 'shop', '--map', mended, *data)
        s.run('quarantine', 'replay', *data)
        assert 'empty' in s.run('quarantine', 'list', *data)
        s.run('hook', 'remove', 'shop', *data)
        assert json.loads(s.run('hook', 'list', '--format', 'json', *data))['hooks'] == []
        for wrong in (('add', 'x', '--map', mended, '--style', 'nothing'), ('show', 'shop'), ('remove', 'shop'),
                      ('add', 'X!', '--map', mended, '--style', 'github'), ('set', 'shop', '--disable')):
            r = subprocess.run([s.corridor, 'hook', *wrong, *data], capture_output=True, text=True)
            assert r.returncode in (3, 10) and 'error:' in r.stderr, (wrong, r)
        s.start()


ORDERS = '''mapping: 1
source: shop
format: ndjson
interactions: {event: Order Placed, id: "{id}", customer: {user: "{customer}"}, at: "{at}", channel: web}
'''
PROGRAM = '.customer as $c | .orders[] | {id: "\\(.shop)/\\(.n)", customer: $c, at}'


def children(pid):
    found = []
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/children') as f:
            found += [int(p) for p in f.read().split()]
    return found


def programs():
    with serving(design=DESIGN) as s:
        admin = s.everybody()['administrator']
        add(admin, 'shop', 'shopify', ORDERS.encode(), program=PROGRAM)

        def deliver(orders, customer=7):
            body = json.dumps({'customer': customer, 'orders': orders}).encode()
            return send(s, 'shop', body, shopify(body, 0))

        def order(n, at='2026-03-28T10:00:00Z'):
            return {'shop': 'kiel', 'n': n, 'at': at}

        def change(program):
            a = admin.ask('PATCH', '/api/hooks/shop', body={'program': program})
            assert a.status == 200 and a.json['program'] == program, a

        assert deliver([order(1), order(2)]).json == {'interactions': 2, 'rejected': 0}
        assert deliver([order(1), order(2), order(3)]).json['interactions'] == 3
        assert stored(admin) == 3  # by their ids
        assert deliver([]).json == {'interactions': 0, 'rejected': 0}
        assert 'kiel/2' in json.dumps(admin.post('/api/hooks/shop/test', {'body': json.dumps(
            {'customer': 1, 'orders': [order(2)]})}).json)
        # One object that cannot be mapped keeps the whole body back; so does a program that fails.
        assert deliver([order(4), order(5, 'never')]).json == {'interactions': 0, 'rejected': 1}
        assert deliver('none').json == {'interactions': 0, 'rejected': 1}
        body = b'customer=9&n=6'  # a form is an object of texts for programs, too
        change('{id: .n, customer, at: "2026-03-28T10:00:00Z"}')
        assert send(s, 'shop', body, shopify(body, 0)).json == {'interactions': 1, 'rejected': 0}
        held = admin.get('/api/quarantine').json['items']
        assert {json.loads(i['raw'])['orders'] if i['raw'].count('none') else len(json.loads(i['raw'])['orders'])
                for i in held} == {'none', 2}, held
        assert any('raised an error' in i['reason'] for i in held) and any('at' in i['reason'] for i in held), held
        # Programs that do not end or want everything: the body waits, and the next ones are taken.
        for i, bad in enumerate(('def f: f; f', '[range(1e9)] | {a: length}', 'env | {id: error("x")}', 'halt_error',
                                 'import "a" as a; {}', 'input', 'nothing')):
            a = admin.ask('PATCH', '/api/hooks/shop', body={'program': bad})
            if a.status == 400:  # what is no program is told at once
                assert 'program is wrong' in a.json['detail'] and bad in ('import "a" as a; {}', 'nothing'), a
                continue
            assert deliver([order(20 + i)]).json == {'interactions': 0, 'rejected': 1}, bad
        total = admin.get('/api/quarantine').json['total']
        assert total == 7, total
        change(PROGRAM.replace('.orders[]', '(.orders | if type == "array" then .[] else empty end)') +
               ' | select(.at != "never")')
        a = admin.post('/api/quarantine/replay', {'all': True}).json
        assert (a['taken'], a['rejected'], a['interactions']) == (7, 0, 6), a
        assert admin.get('/api/quarantine').json['total'] == 0
        # A worker that dies costs nothing.
        before = children(s.process.pid)
        assert before, 'no worker runs'
        for pid in before:
            os.kill(pid, 9)
        assert deliver([order(40)]).json == {'interactions': 1, 'rejected': 0}
        assert metric(admin, 'programs_ended_total') >= 2
        for wrong in ('.a |', 'x' * (64 << 10) + 'x'):
            assert admin.ask('PATCH', '/api/hooks/shop', body={'program': wrong}).status in (400, 413), wrong[:9]
        # From the command line.
        file = os.path.join(s.data, '../program.jq')
        with open(file, 'w') as f:
            f.write(PROGRAM)
        path = os.path.join(s.data, '../body.json')
        with open(path, 'w') as f:
            json.dump({'customer': 1, 'orders': [order(50), order(51)]}, f)
        s.run('hook', 'set', 'shop', '--program', file, '--data', s.data)
        tried = json.loads(s.run('hook', 'test', 'shop', path, '--data', s.data))
        assert [i['id'] for i in tried['interactions']] == ['kiel/50', 'kiel/51'], tried
        s.run('hook', 'set', 'shop', '--no-program', '--data', s.data)
        assert json.loads(s.run('hook', 'test', 'shop', path, '--data', s.data))['rejected']
        assert s.stop() == 0
        assert not [p for p in before if os.path.exists(f'/proc/{p}')]
        s.start()


def acknowledged_bodies_survive_kills():
    n, senders, kills = 400, 4, 5
    with serving(design=DESIGN) as s:
        admin = s.everybody()['administrator']
        add(admin, 'shop', 'shopify')
        first = json.loads(read('shop.json'))
        bodies = [json.dumps({**first, 'id': i, 'customer': {'id': i}}).encode() for i in range(n)]
        acknowledged, tried = set(), [0]
        lock, work = threading.Lock(), list(range(n))

        def deliver():
            while True:
                with lock:
                    if not work:
                        return
                    i = work.pop(0)
                    tried[0] += 1
                try:
                    ok = send(s, 'shop', bodies[i], shopify(bodies[i], 0)).status == 200
                except OSError:
                    ok = False
                except Exception as e:  # an answer that broke off
                    if 'http.client' not in type(e).__module__:
                        raise
                    ok = False
                with lock:
                    if ok:
                        acknowledged.add(i)
                    else:
                        work.append(i)
                if not ok:
                    time.sleep(0.02)

        threads = [threading.Thread(target=deliver) for _ in range(senders)]
        for t in threads:
            t.start()
        for k in range(1, kills + 1):
            wait_for(lambda: len(acknowledged) >= n * k // (kills + 1))
            s.process.kill()
            s.process.wait()
            s.process.stdout.close()
            told = set(acknowledged)
            s.start()
            admin.port = s.port
            there = customers(admin)
            assert told <= there, told - there
        for t in threads:
            t.join()
        assert len(acknowledged) == n and stored(admin) == n


def customers(client):
    """The numbers of all users that are there."""
    a = client.post('/api/sql', {'sql': 'SELECT identities FROM people', 'limit': 10000})
    assert a.status == 200, a
    return {int(n) for row in a.json['rows'] for n in re.findall(r'user:(\d+)', str(row))}


if __name__ == '__main__':
    main([the_five_examples, what_cannot_be_mapped_comes_back, a_corridor_file_that_the_mapping_does_not_fit,
          handshakes, setting_up, from_the_command_line, programs, acknowledged_bodies_survive_kills])
