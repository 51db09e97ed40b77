# SPDX-License-Identifier: Apache-2.0
"""What the pages show to whom: alerts, texts, what heads of departments and guests see, answers packed for the way."""
import gzip
import http.client
import json
import math
import tempfile
import time

from serving import PASSWORD, main, serving, wait_for

YEAR = ('--persons', '400', '--seed', '7', '--start', '2025-01-01', '--quiet')


def head_of(server, admin, name, departments):
    email = f'{name}@tidewater.example'
    a = admin.post('/api/users', {'name': name, 'email': email, 'role': 'owner', 'departments': departments,
                                  'password': PASSWORD})
    assert a.status == 201, a
    return server.client().sign_in(email)


def own_touchpoints(client, departments):
    return {t['key'] for t in client.get('/api/design').json['touchpoints'] if t['owner'] in departments}


def heads_of_departments_see_their_own_customers():
    with serving(simulate=YEAR) as s:
        c = s.everybody()
        m, admin = c['manager'], c['administrator']
        head = head_of(s, admin, 'lou', ['logistics', 'billing'])
        own = own_touchpoints(m, {'logistics', 'billing'})
        assert own and head.get('/api/session').json['user']['departments'] == ['billing', 'logistics']
        seen = {True: 0, False: 0}
        for item, whole in zip(head.get('/api/interactions', limit=500).json['items'],
                               m.get('/api/interactions', limit=500).json['items']):
            is_own = item['touchpoint'] in own
            seen[is_own] += 1
            if is_own:
                assert item == whole
            else:
                assert not {'person', 'customer', 'text', 'properties'} & set(item), item
                assert item['event'] == whole['event'] and item['at'] == whole['at']
        assert seen[True] > 10 and seen[False] > 10, seen

        # Stories and searches: only what happened at the own touch points, nobody who was never there.
        where = 'touchpoint = ' + ', '.join(sorted(own))
        people = {p['person']: p['customer'] for p in m.get('/api/interactions', limit=500).json['items']}
        known = unknown = 0
        for person, customer in list(people.items())[:60]:
            whole = m.get('/api/persons/' + person).json
            rows = [r for r in whole['story']['rows'] if r['touchpoint'] in own]
            a = head.get('/api/persons/' + person)
            found = [p['key'] for p in head.get('/api/search', q=customer).json['items']]
            if not rows:
                assert a.status == 404 and person not in found, a
                unknown += 1
                continue
            known += 1
            assert a.json['story']['rows'] == rows and a.json['n'] == len(rows), a
            assert a.json['first'] == rows[0]['at'] and a.json['last'] == rows[-1]['at']
            assert person in found
            assert head.get('/api/query/journey', customer=customer).json['rows'] == rows
            assert head.get('/api/query/volume', where='customer = ' + customer).json['n'] == len(rows)
            assert head.get('/api/overview', where='customer = ' + customer).json['n'] == len(rows)
            assert head.get('/api/interactions', where='customer = ' + customer, limit=500).json == \
                m.get('/api/interactions', where=['customer = ' + customer, where], limit=500).json
        assert known > 5, (known, unknown)
        # Lists of customers.
        asked = {'step': ['order', 'delivery'], 'persons': 'reached:2'}
        narrowed = m.get('/api/query/funnel', where=where, **asked)
        a = head.get('/api/query/funnel', **asked)
        assert a.status == 200 and a.json['rows'] == narrowed.json['rows'], a
        # Numbers are those of everybody.
        assert head.get('/api/query/volume').json['n'] == m.get('/api/query/volume').json['n']
        # Without departments there is nobody; a viewer cannot get at one customer by a filter.
        nobody = c['owner']
        assert not any('person' in i for i in nobody.get('/api/interactions', limit=100).json['items'])
        assert nobody.get('/api/persons/' + person).status == 404
        some = 'customer = ' + customer
        for path in ('/api/query/volume', '/api/overview', '/api/interactions'):
            assert c['viewer'].get(path, where=some).status == 403, path
            assert c['agent'].get(path, where=some).status == 200, path

        # Raw messages in quarantine are of nobody's touch point.
        key = admin.post('/api/keys', {'kind': 'write', 'name': 'web', 'source': 'shop'}).json['key']
        send(s, key, '/v1/batch', {'batch': [
            {'type': 'track', 'event': 'of nobody', 'userId': 'x', 'context': {'channel': 'ann@example.com'}}]})
        assert wait_for(lambda: m.get('/api/quarantine').json['total'])
        whole, part = (who.get('/api/quarantine').json['items'][0] for who in (m, head))
        assert whole['raw'] and 'ann@example.com' in whole['reason'], whole
        assert part['raw'] is None and 'ann@example.com' not in str(part), part
        assert whole['reason'].startswith(part['reason'] + ': '), (whole, part)

        # What is live.
        streams = {name: listen(s, who) for name, who in (('head', head), ('agent', c['agent']), ('viewer', c['viewer']))}
        for event, text in (('Invoice Sent', 'mine'), ('Chat Ended', 'theirs')):  # of one batch only some are told
            send(s, key, '/api/interactions', {'customer': {'user': text}, 'at': '2026-01-02T10:00:00Z', 'event': event,
                                               'text': text})
            time.sleep(0.3)
        told = {name: interactions_of(stream, 2) for name, stream in streams.items()}
        assert [i.get('text') for i in told['agent']] == ['mine', 'theirs'], told
        assert [i.get('text') for i in told['head']] == ['mine', None], told
        assert 'person' in told['head'][0] and 'person' not in told['head'][1], told
        assert [i.get('text') for i in told['viewer']] == [None, None], told


def send(server, key, path, body):
    import base64
    a = server.client().ask('POST', path, body=body, headers={
        'Authorization': 'Basic ' + base64.b64encode(f'{key}:'.encode()).decode()})
    assert a.status == 200, a


def listen(server, client):
    connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=30)
    connection.request('GET', '/api/live', headers={**client.extra, **({'Cookie': client.cookie} if client.cookie else {})})
    answer = connection.getresponse()
    assert answer.status == 200
    assert 'Content-Encoding' not in answer.headers
    assert answer.readline().startswith(b'retry')
    return answer


def interactions_of(stream, n):
    told, event, end = [], b'', time.monotonic() + 20
    while len(told) < n:
        line = stream.readline()
        assert line and time.monotonic() < end, f'the stream ended, or told only {told}'
        if line.startswith(b'event:'):
            event = line[6:].strip()
        elif line.startswith(b'data:') and event == b'interaction':
            told.append(json.loads(line[5:]))
    return told


def ends(stream, seconds=20):
    """Does the stream end?"""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not stream.readline():
            return True
    return False


def who_may_no_longer_is_told_no_more():
    """What is live ends for those whose rights, account, session or key went; a page that still may comes again."""
    with serving() as s:
        c = s.everybody()
        admin = c['administrator']
        key = admin.post('/api/keys', {'kind': 'api', 'name': 'wall', 'rights': 'look,persons'}).json
        ids = {u['email'].split('@')[0]: u['id'] for u in admin.get('/api/users').json['items']}
        streams = {name: listen(s, c[name]) for name in ('viewer', 'agent', 'owner', 'manager', 'administrator')}
        streams['wall'] = listen(s, s.client(Authorization='Bearer ' + key['key']))
        assert admin.ask('PATCH', f"/api/users/{ids['agent']}", {'role': 'viewer'}).status == 200
        assert admin.ask('PATCH', f"/api/users/{ids['viewer']}", {'disabled': True}).status == 200
        assert admin.ask('PATCH', f"/api/users/{ids['owner']}", {'departments': ['logistics']}).status == 200
        assert c['manager'].ask('DELETE', '/api/session').status == 200
        assert admin.ask('DELETE', f"/api/keys/{key['id']}").status == 200
        for name in ('viewer', 'agent', 'owner', 'manager', 'wall'):
            assert ends(streams[name]), name
        for _ in range(10):
            assert streams['administrator'].readline()
        interactions = listen(s, c['agent'])
        assert interactions.readline()


def pages_name_nobody_to_those_who_may_not_know():
    with serving(simulate=YEAR) as s:
        c = s.everybody()
        keys = {i['person'] for i in c['manager'].get('/api/interactions', limit=500).json['items']}
        whole = c['manager'].get('/api/interactions', limit=60).json['items']
        for role in ('viewer', 'owner'):
            seen, before = [], None
            for _ in range(20):
                page = c[role].get('/api/interactions', limit=3, before=before).json
                seen += [i['id'] for i in page['items']]
                before = page['next']
                assert before.split('.')[1] not in keys, before
            assert seen == [i['id'] for i in whole]


def texts_are_found():
    with serving(simulate=YEAR) as s:
        m = s.everybody()['manager']
        seen, before = [], None
        while True:
            page = m.get('/api/interactions', limit=500, before=before).json
            seen += page['items']
            before = page['next']
            if not before:
                break
        said = [i for i in seen if i['text']]
        assert len(said) > 20
        found = m.get('/api/interactions', limit=500, where='text exists').json['items']
        assert found == said[:500]
        low = [i for i in said if i['channel'] != 'web' and i['measures'].get('rating', 9) < 3]
        assert low and m.get('/api/interactions', limit=500,
                             where=['channel != web', 'text exists', 'rating < 3']).json['items'] == low[:500]
        n = m.get('/api/query/volume').json['n']
        assert m.get('/api/query/volume', where='text exists').json['n'] == len(said)
        assert m.get('/api/query/volume', where='text missing').json['n'] == n - len(said)


def alerts_say_what_the_numbers_say():
    """Each kind against numbers of the analyses, computed here once more."""
    z = 1.959963984540054
    kinds = set()
    with serving(simulate=('--persons', '3000', '--seed', '7', '--start', '2025-01-01', '--quiet')) as s:
        c = s.everybody()
        v = c['viewer']
        design = {t['key']: t for t in v.get('/api/design').json['touchpoints']}
        for period, before in ((('2025-10-01', '2025-12-31'), ('2025-07-01', '2025-09-30')),
                               (('2025-07-01', '2025-08-31'), ('2025-04-30', '2025-06-30')), ((None, None), None)):
            o = v.get('/api/overview', from_=period[0], to=period[1]).json
            then = {}
            if before:
                # As much time, to the hour: two periods may differ by that of daylight saving.
                rows = v.get('/api/query/gap', from_=before[0], to=before[1]).json['rows']
                then = {(r['touchpoint'], r['expectation']): r for r in rows}
            for t in o['touchpoints']:
                told = {(a['kind'], a['expectation']): a for a in t['alerts']}
                kinds |= {kind for kind, _ in told}
                for x in t['expectations']:
                    kind = 'missed' if x['share_target'] is None else 'share'
                    assert ((kind, x['key']) in told) == (x['verdict'] == 'broken'), (t['key'], x)
                    if (kind, x['key']) in told:
                        now = told[kind, x['key']]['now']
                        assert now['n'] == x['n'] and x['unit'] is not None
                        if kind == 'share':
                            assert now['high'] == x['share_kept_high'] < x['share_target']
                        else:
                            assert x['gap_high'] < 0 or x['experience_high'] is not None
                    worse = told.get(('worse', x['key']))
                    was = then.get((t['key'], x['key']))
                    if not worse:
                        continue
                    scale = next(e['scale'] for e in design[t['key']]['expect'] if e['key'] == x['key'])
                    share = x['share_target'] is not None
                    sign = 1 if share or x['direction'] == 'at least' else -1
                    unit = 1 if share else scale
                    value = 'share_kept' if share else 'experience'
                    assert abs(worse['before']['n'] - was['n']) <= max(3, was['n'] // 50), (worse, was)
                    difference = sign * (worse['now']['value'] - worse['before']['value']) / unit
                    assert worse['now']['value'] == x[value] and difference <= -0.02
                    # Roughly: the standard errors from the widths of the intervals.
                    error = math.hypot(*((p['high'] - p['low']) / 2 / z / unit for p in (worse['now'], worse['before'])))
                    assert difference + z * error < 0, (t['key'], worse)
                overdue = told.get(('overdue', None))
                assert (overdue is not None) == bool(t['promises'] and t['promises']['overdue'])
                if overdue:
                    assert overdue['overdue'] == t['promises']['overdue']
                    assert f"{overdue['overdue']} of" in overdue['text']
                assert all(a['text'] for a in t['alerts'])
            if not before:
                assert not any(a['kind'] == 'worse' for t in o['touchpoints'] for a in t['alerts'])
        # A promise that nobody keeps.
        key = c['administrator'].post('/api/keys', {'kind': 'write', 'name': 'web', 'source': 'shop'}).json['key']
        send(s, key, '/api/interactions', {
            'customer': {'user': 'z-1'}, 'at': '2025-03-01T10:00:00Z', 'event': 'Order Placed',
            'promise': {'id': 'never', 'due': '2025-03-05T10:00:00Z'}})
        order = next(t for t in v.get('/api/overview').json['touchpoints'] if t['key'] == 'order')
        overdue = [a for a in order['alerts'] if a['kind'] == 'overdue']
        assert overdue and overdue[0]['overdue'] == order['promises']['overdue'] >= 1, overdue
    assert {'share', 'worse', 'missed'} <= kinds, kinds


ODD = """corridor: 1
brand: Odd
timezone: UTC
measures: {tiny: {}, speed: {unit: Mbit/s}}
touchpoints:
  delivery:
    stage: fulfilment
    match: [{event: Delivered}]
    expect:
      on-time: {measure: delay, at most: 0, for: 99.9%}
      soon: {measure: delay, at most: 90min}
      small: {measure: tiny, at most: 0.0001}
      fast: {measure: speed, at least: 100}
"""


def alerts_round_no_number_away():
    with tempfile.NamedTemporaryFile('w', suffix='.yaml') as design:
        design.write(ODD)
        design.flush()
        odd_alerts(design.name)


def odd_alerts(design):
    with serving(design=design) as s:
        c = s.everybody()
        key = c['administrator'].post('/api/keys', {'kind': 'write', 'name': 'web', 'source': 'shop'}).json['key']
        for i in range(20):
            send(s, key, '/api/interactions', {
                'customer': {'user': f'u{i}'}, 'at': f'2026-03-01T10:00:{i:02}Z', 'event': 'Delivered', 'channel': 'web',
                'measures': {'delay': 16906895 + i, 'tiny': 0.000123, 'speed': -1e-13}})
        t = c['viewer'].get('/api/overview').json['touchpoints'][0]
        told = {a['expectation']: a['text'] for a in t['alerts']}
        assert told['on-time'].startswith('delay at most 0 s in 0.0 % of cases'), told
        assert told['on-time'].endswith('; 99.9 % are expected'), told
        assert told['soon'] == 'delay is 28 w on average (95 % interval 28 w to 28 w, n 20); expected: delay at most 90 min', told
        assert told['small'] == ('tiny is 0.00012 on average (95 % interval 0.00012 to 0.00012, n 20); '
                                 'expected: tiny at most 0.0001'), told
        assert told['fast'].startswith('speed is 0 Mbit/s on average (95 % interval 0 Mbit/s to 0 Mbit/s'), told


def what_is_learned_is_what_was_usual():
    with serving(simulate=YEAR) as s:
        m = s.everybody()['manager']
        a = m.get('/api/query/spread', measure='wait', where='touchpoint = support-call').json['rows'][0]
        waits = sorted(r[0] for r in m.post('/api/sql', {'limit': 10000, 'sql':
            "SELECT wait FROM interactions WHERE touchpoint = 'support-call' AND wait IS NOT NULL"}).json['rows'])
        assert a['n'] == len(waits) > 100
        for name, p in (('p20', 0.2), ('p50', 0.5), ('p80', 0.8)):
            h = (len(waits) - 1) * p
            i = int(h)
            assert abs(a[name] - (waits[i] + (h - i) * (waits[min(i + 1, len(waits) - 1)] - waits[i]))) < 1e-9
        assert m.get('/api/query/spread').status == 400


def guests_keep_to_the_period():
    with serving(simulate=YEAR) as s:
        owner = s.everybody()['owner']
        last = owner.get('/api/session').json['data']['last'][:10]

        def guest_of(path):
            token = owner.post('/api/shares', {'path': path, 'title': 'x', 'days': 1}).json['url'].rsplit('/', 1)[1]
            guest = s.client()
            opened = guest.open_share(token).json
            assert opened['last'][:10] == last, opened
            return guest

        def may(guest, **period):
            a = guest.get('/api/query/gap', **{k.replace('from_', 'from'): v for k, v in period.items()})
            assert a.status in (200, 403), a
            return a.status == 200

        g = guest_of('/journeys/gap?period=2025-03..2025-05')
        assert may(g, from_='2025-03', to='2025-05') and may(g, from_='2025-04-10', to='2025-04-12')
        assert not may(g) and not may(g, from_='2025-03') and not may(g, to='2025-05')
        assert not may(g, from_='2025-02-28', to='2025-05') and not may(g, from_='2025-03', to='2025-06-01')
        assert not may(g, from_=['2025-03', '2025-01'], to='2025-05')
        assert not may(g, from_='nonsense', to='2025-05')
        g = guest_of('/journeys/gap?period=2025-03&vs=previous')
        assert may(g, from_='2025-03', to='2025-03') and may(g, from_='2025-01-29', to='2025-02-28')
        assert not may(g, from_='2025-01-28', to='2025-02-28') and not may(g, from_='2025-02-01', to='2025-03-31')
        g = guest_of('/journeys/gap?period=2025-02-10..2025-02-20&vs=period%3A2025-08')
        assert may(g, from_='2025-08', to='2025-08') and not may(g, from_='2025-09', to='2025-09')
        g = guest_of('/journeys/gap?period=2025-10..')
        assert may(g, from_='2025-10') and may(g, from_='2025-11', to='2031') and not may(g, from_='2025-09')
        g = guest_of('/journeys/gap?period=all')
        assert may(g) and may(g, from_='2025-09')
        g = guest_of('/journeys/gap?period=30d')
        import datetime
        day = datetime.date.fromisoformat(last)
        first = (day - datetime.timedelta(days=29)).isoformat()
        assert may(g, from_=first, to=last)
        # A page that was opened the day before is still served; not one of the week before.
        assert may(g, from_=(day - datetime.timedelta(days=30)).isoformat(), to=(day - datetime.timedelta(days=1)).isoformat())
        assert not may(g, from_=(day - datetime.timedelta(days=36)).isoformat(), to=last) and not may(g)
        g = guest_of('/journeys/gap')  # no period: the last 12 months
        assert may(g, from_=f'{day.year}-{day.month:02d}', to=last) and not may(g, from_='2024-01', to=last)
        g = guest_of('/journeys/gap?period=2025-06&where=channel%20%3D%20app')
        assert may(g, from_='2025-06', to='2025-06', where='channel = app') and not may(g, from_='2025-06', to='2025-06')
        g = guest_of('/?period=2025-11')
        o = g.get('/api/overview', **{'from': '2025-11', 'to': '2025-11'})
        assert o.status == 200 and not any(a['kind'] == 'worse' for t in o.json['touchpoints'] for a in t['alerts'])


def a_shared_touch_point_asks_what_its_page_asks():
    with serving(simulate=YEAR) as s:
        owner = s.everybody()['owner']
        period = {'from': '2025-03', 'to': '2025-05'}
        here = {'where': ['channel = web', 'touchpoint = order'], **period}
        path = '/touchpoint/order?period=2025-03..2025-05&where=channel%20%3D%20web'
        token = owner.post('/api/shares', {'path': path, 'title': 'x', 'days': 1}).json['url'].rsplit('/', 1)[1]
        g = s.client()
        assert g.open_share(token).json['path'] == path
        # What the page asks is told, with the same numbers, and of the other touch points nothing.
        page = {'where': 'channel = web', **period}
        told, all_ = g.get('/api/overview', bucket='week', **page), owner.get('/api/overview', bucket='week', **page).json
        assert told.status == 200, told
        order = [t for t in all_['touchpoints'] if t['key'] == 'order']
        assert len(all_['touchpoints']) > 1 and [t['key'] for t in told.json['touchpoints']] == ['order']
        assert told.json['touchpoints'][0]['expectations'] == order[0]['expectations'] and told.json['n'] == all_['n']
        assert told.json['promises'] is None and all_['promises'] is not None
        assert not {'customers', 'unmatched'} & told.json.keys() and {'customers', 'unmatched'} <= all_.keys()
        flow = g.get('/api/query/flow', ends='true', top='0', **page)
        rows = owner.get('/api/query/flow', ends='true', top='0', **page).json['rows']
        ways = [r for r in rows if 'order' in (r['from'], r['to'])]
        assert flow.status == 200 and flow.json['rows'] == ways and 0 < len(ways) < len(rows), flow
        csv = g.get('/api/query/flow', ends='true', top='0', format='csv', **page)
        assert csv.status == 403, csv
        dimensions = owner.get('/api/design').json['dimensions']
        assert dimensions
        for by in ('channel', 'agent', *dimensions):
            a = g.get('/api/query/gap', by=by, **here)
            assert a.status == 200 and {r['touchpoint'] for r in a.json['rows']} == {'order'}, (by, a)
        measures = [e['measure'] for t in owner.get('/api/design').json['touchpoints'] if t['key'] == 'order'
                    for e in t['expect']]
        before = {'from': '2024-11-29', 'to': '2025-02-28'}  # 92 days, as March to May have
        assert measures and g.get('/api/query/spread', measure=measures[0], where=here['where'], **before).status == 200
        assert g.get('/api/query/scores', score='servqual', **here).status == 200
        # Nothing beside it: another touch point, analysis, parameter, period, or without the filters.
        elsewhere = {'where': ['channel = web', 'touchpoint = delivery'], **period}
        other = next(m['key'] for m in owner.get('/api/design').json['measures'] if m['key'] not in measures)
        for name, query in (('gap', page), ('gap', elsewhere), ('gap', {'where': 'touchpoint = order', **period}),
                            ('gap', {'by': 'touchpoint', **here}), ('gap', {'by': 'customer', **here}),
                            ('gap', {**here, **before}), ('gap', {'persons': 'x', **here}),
                            ('spread', {'measure': measures[0], **here}), ('spread', {'measure': other, **here, **before}),
                            ('spread', {'measure': measures[0], **elsewhere, **before}),
                            ('scores', {'score': 'nps', **here}), ('scores', {'score': 'servqual', **page}),
                            ('flow', {'ends': 'true', 'top': '0', 'of': 'agent', **page}), ('flow', {'by': 'agent', **page}),
                            ('volume', here), ('volume', page), ('funnel', {'step': 'order', **here}), ('paths', page),
                            ('journey', {'customer': 'user:x', **here}), ('retention', here), ('quality', here)):
            assert g.get('/api/query/' + name, **query).status == 403, (name, query)
        assert g.get('/api/overview', **period).status == g.get('/api/overview', **{**page, **before}).status == 403
        assert g.get('/api/interactions', **here).status == 403
        # Nor what is left over by filters that the page has not: the sums would tell of the other touch points.
        assert g.get('/api/overview', **here).json['n'] == order[0]['n'] < all_['n']
        for where in ('touchpoint = delivery', 'touchpoint != order', "touchpoint in (order, delivery)", 'touchpoint = order ',
                      'agent = a-1', 'channel = web or channel = app', 'customer = user:x', 'touchpoint = (unmatched)', ''):
            more = {**period, 'where': ['channel = web', where]}
            assert g.get('/api/overview', **more).status == 403, where
            assert g.get('/api/query/flow', ends='true', top='0', **more).status == 403, where
            more['where'] = ['channel = web', where, 'touchpoint = order']
            assert g.get('/api/query/gap', by='agent', **more).status == 403, where
            assert g.get('/api/query/scores', score='servqual', **more).status == 403, where
        # A page that compares with a segment asks for that one too.
        token = owner.post('/api/shares', {'path': path + '&vs=where%3Achannel%20!%3D%20app', 'title': 'x', 'days': 1}).json['url']
        g = s.client()
        assert g.open_share(token.rsplit('/', 1)[1]).status == 200
        for where, status in ((['channel = web', 'channel != app'], 200), (['channel = web'], 200), (['channel != app'], 200),
                              (['channel = web', 'where:channel != app'], 403), (['channel = web', 'channel = app'], 403)):
            assert g.get('/api/overview', where=where, **period).status == status, where
        # The segment stands instead of the filters that are no place; what says where holds for both.
        token = owner.post('/api/shares', {'path': path + '&where=agent%20exists&vs=where%3Atenure%20%3C%2090d', 'title': 'x',
                                           'days': 1}).json['url']
        g = s.client()
        assert g.open_share(token.rsplit('/', 1)[1]).status == 200
        for where, status in ((['channel = web', 'tenure < 90d'], 200), (['channel = web', 'agent exists'], 200),
                              (['tenure < 90d'], 403), (['channel = web'], 403), (['agent exists', 'tenure < 90d'], 403)):
            assert g.get('/api/overview', where=where, **period).status == status, where
        # A tile of a touch point is not shown on a board, so nothing is asked for it.
        board = owner.post('/api/dashboards', {'title': 'x', 'tiles': [{'title': 't', 'view': path}]}).json['id']
        token = owner.post('/api/shares', {'path': f'/dashboards/{board}', 'title': 'x', 'days': 1}).json['url']
        g = s.client()
        assert g.open_share(token.rsplit('/', 1)[1]).status == 200
        assert g.get('/api/overview', **page).status == g.get('/api/query/gap', **here).status == 403


SURVEY = '''mapping: 1
source: survey
format: csv
interactions:
  event: "{event}"
  id: "{id}"
  customer: {user: "{id}"}
  at: "{at}"
  measures:
    duration: "{duration}"
    reliability-expected: "{re}"
    reliability-perceived: "{rp}"
    responsiveness-expected: "{se}"
    responsiveness-perceived: "{sp}"
'''


def what_is_stated_stands_beside_what_is_designed_and_learned():
    lines = ['id,event,at,duration,re,rp,se,sp']

    def row(day, event='Order Placed', **values):
        cells = [str(values.get(k, '')) for k in ('duration', 're', 'rp', 'se', 'sp')]
        lines.append(','.join([f'r{len(lines)}', event, f'{day}T12:00:00Z', *cells]))
    # In April: perceived less expected −2, −1, 0, −1, −1 and +1, +2, +3.
    row('2026-04-02', duration=600, re=6, rp=4, se=4, sp=5)
    row('2026-04-03', duration=900, re=6, rp=5, se=4, sp=6)
    row('2026-04-04', duration=1200, re=5, rp=5, se=3, sp=6)
    row('2026-04-30', duration=300, re=7, rp=6)
    row('2026-04-05', re=6, rp=5)
    row('2026-04-06', re=7)  # one half of a pair says nothing
    row('2026-04-07', rp=1)
    row('2026-04-08', 'Page Viewed', re=1, rp=7)  # elsewhere
    row('2026-05-01', re=1, rp=7)  # later
    # In as much time before, 2 to 31 March: what customers are used to.
    for i, duration in enumerate((360, 60, 300, 120, 180, 240)):
        row(f'2026-03-{5 * i + 3:02}', duration=duration)
    row('2026-03-01', duration=9999, re=1, rp=7)
    with serving() as s:
        m = s.everybody()['manager']
        file = m.ask('POST', '/api/import/files', body=('\n'.join(lines) + '\n').encode(), raw=True,
                     query={'name': 'survey.csv'}).json['file']
        job = m.post('/api/import', {'file': file, 'mapping': SURVEY}).json['job']
        done = wait_for(lambda: (lambda j: j if j['state'] in ('done', 'failed') else None)(
            m.get(f'/api/import/jobs/{job}').json))
        assert done['state'] == 'done' and done['taken'] == len(lines) - 1, done
        april, march = {'from': '2026-04', 'to': '2026-04'}, {'from': '2026-03-02', 'to': '2026-03-31'}
        # Stated: what the touch point's page asks. t(4) = 2.776445 and t(2) = 4.302653 at 97.5 %; Wilson of 1 of 5, 3 of 3.
        rows = m.get('/api/query/scores', score='servqual', where='touchpoint = order', **april).json['rows']
        wanted = {'servqual:reliability': (5, -1, -1 - 2.776445 * (0.5 ** 0.5) / 5 ** 0.5,
                                           -1 + 2.776445 * (0.5 ** 0.5) / 5 ** 0.5, 0.2, 0.036224, 0.624466),
                  'servqual:responsiveness': (3, 2, 2 - 4.302653 / 3 ** 0.5, 2 + 4.302653 / 3 ** 0.5, 1, 0.438503, 1)}
        assert {r['score'] for r in rows} == set(wanted), rows
        for r in rows:
            told = [r[k] for k in ('n', 'value', 'low', 'high', 'top_share', 'top_share_low', 'top_share_high')]
            assert all(abs(a - b) < 1e-5 for a, b in zip(told, wanted[r['score']])), (told, wanted[r['score']])
            assert r['unit'] == 'perceived - expected', r
        # Designed: at most 15 minutes for 85 %, of 300, 600, 900 and 1200 s.
        order = next(t for t in m.get('/api/overview', **april).json['touchpoints'] if t['key'] == 'order')
        quick = next(e for e in order['expectations'] if e['key'] == 'quick')
        assert (quick['n'], quick['target'], quick['share_target'], quick['share_kept']) == (4, 900, 0.85, 0.75), quick
        # Learned: quantiles of type 7 of 60, 120 … 360 s.
        usual = m.get('/api/query/spread', measure='duration', where='touchpoint = order', **march).json['rows'][0]
        assert [usual[k] for k in ('n', 'p20', 'p50', 'p80')] == [6, 120, 210, 300], usual


def answers_are_packed_but_never_with_the_token():
    with serving(simulate=YEAR) as s:
        c = s.everybody()
        m = c['manager']
        for method, path, body in (('GET', '/api/overview', None), ('GET', '/api/design', None), ('GET', '/api/analyses', None),
                                   ('GET', '/api/query/gap?by=month', None), ('GET', '/api/query/gap?by=month&format=csv', None),
                                   ('POST', '/api/sql', {'sql': 'SELECT * FROM people', 'limit': 500})):
            plain = m.ask(method, path, body=body)
            packed = m.ask(method, path, body=body, headers={'Accept-Encoding': 'gzip'})
            assert 'Content-Encoding' not in plain.headers and packed.headers['Content-Encoding'] == 'gzip', path
            assert 'Accept-Encoding' in packed.headers['Vary'] and len(packed.body) * 2 < len(plain.body), path
            a, b = gzip.decompress(packed.body), plain.body
            assert (json.loads(a)['rows'] == json.loads(b)['rows']) if path == '/api/sql' else a == b, path
        for a in (m.ask('GET', '/api/session', headers={'Accept-Encoding': 'gzip, zstd'}),
                  s.client().ask('POST', '/api/session', headers={'Accept-Encoding': 'gzip, zstd'},
                                 body={'email': 'agent@tidewater.example', 'password': PASSWORD})):
            assert a.status == 200 and a.json['csrf'] and 'Content-Encoding' not in a.headers, a.headers
        # No answer that is packed holds the token, whatever it is asked.
        document = m.get('/api/openapi.json').json
        for path, methods in document['paths'].items():
            if 'get' not in methods or '{' in path or path == '/api/live':
                continue
            a = m.ask('GET', path, headers={'Accept-Encoding': 'gzip'})
            if a.headers.get('Content-Encoding') == 'gzip':
                body = a.body if path == '/' else gzip.decompress(a.body)
                assert m.csrf.encode() not in body, path


if __name__ == '__main__':
    main([heads_of_departments_see_their_own_customers, who_may_no_longer_is_told_no_more,
          pages_name_nobody_to_those_who_may_not_know, texts_are_found, alerts_say_what_the_numbers_say,
          alerts_round_no_number_away, what_is_learned_is_what_was_usual, guests_keep_to_the_period, a_shared_touch_point_asks_what_its_page_asks,
          what_is_stated_stands_beside_what_is_designed_and_learned,
          answers_are_packed_but_never_with_the_token])
