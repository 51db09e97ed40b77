# SPDX-License-Identifier: Apache-2.0
"""The units of packaging/: systemd knows all that they say, the pair speaks one protocol, and the filter of system calls
lets the programs of webhooks be shut in."""
import os
import re
import shutil
import subprocess
import tempfile

from serving import main

PACKAGING = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../packaging')
DROP_INS = (('https/corridor.service.conf', 'corridor.service.d'), ('https/corridor.socket.conf', 'corridor.socket.d'))


def read(name):
    with open(os.path.join(PACKAGING, name)) as f:
        return f.read()


def values(text, key):
    return re.findall(rf'^{key}=(.*)$', text, re.M)


def systemd_knows_all_that_they_say():
    if not shutil.which('systemd-analyze'):
        print('skipped: systemd-analyze is not there')
        return
    for https in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            for name in ('corridor.service', 'corridor.socket'):
                shutil.copy(os.path.join(PACKAGING, name), folder)
            for name, where in DROP_INS if https else ():
                os.mkdir(os.path.join(folder, where))
                shutil.copy(os.path.join(PACKAGING, name), os.path.join(folder, where, 'https.conf'))
            said = subprocess.run(['systemd-analyze', 'verify', *(os.path.join(folder, n) for n in
                                   ('corridor.service', 'corridor.socket'))], capture_output=True, text=True,
                                  env={**os.environ, 'SYSTEMD_UNIT_PATH': folder + ':'}).stderr
        ours = [line for line in said.splitlines() if 'corridor' in line and 'is not executable' not in line]
        assert ours == [], ours


def programs_of_webhooks_can_be_shut_in():
    filters = values(read('corridor.service'), 'SystemCallFilter')
    # Groups that systemd 252 does not have are ignored by it.
    assert '@sandbox' not in ' '.join(filters), filters
    assert 'seccomp' in ' '.join(filters[filters.index('~@privileged @resources') + 1:]).split(), filters


def the_pair_speaks_one_protocol():
    plain, https = values(read('corridor.service'), 'ExecStart'), values(read('https/corridor.service.conf'), 'ExecStart')
    assert values(read('corridor.socket'), 'ListenStream') == ['127.0.0.1:8080']
    assert all('--certificate' not in x and '--listen' not in x for x in plain), plain
    assert https[0] == '' and '--certificate' in https[1] and '--listen' not in https[1], https
    assert values(read('https/corridor.socket.conf'), 'ListenStream') == ['', '443']
    user = values(read('corridor.service'), 'User')[0]
    assert re.search(rf'^u {user} ', read('sysusers.d/corridor.conf'), re.M)


if __name__ == '__main__':
    main([systemd_knows_all_that_they_say, programs_of_webhooks_can_be_shut_in, the_pair_speaks_one_protocol])
