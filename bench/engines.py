# SPDX-License-Identifier: Apache-2.0
"""The engines that are measured. Each loads the CSV file into its best layout and answers questions:

    engine.load(csv)         -> {"seconds", "peak_mib"}: into an empty directory, sorted, durable
    engine.disk_bytes()      -> of what was just loaded
    engine.open()            -> starts what answers questions
    engine.ask(question, n)  -> (milliseconds, rows) with n threads
    engine.close()

All but ClickHouse's server answer inside of a process that stays; the server is asked over HTTP on the loopback.
"""
import csv
import http.client
import io
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
WORK = os.path.join(ROOT, "build", "bench")
BUILD = os.environ.get("CORRIDOR_BUILD", os.path.join(ROOT, "build"))
CORRIDOR = os.path.join(BUILD, "src", "app", "corridor")


class Failure(Exception):
    """Something that ends the bench with one line of explanation."""


def size_of(path):
    if os.path.isfile(path):
        return os.path.getsize(path)
    total, seen = 0, set()
    for folder, _, files in os.walk(path):
        for name in files:
            st = os.lstat(os.path.join(folder, name))
            if st.st_ino not in seen:  # parts that are hard-linked count once
                seen.add(st.st_ino)
                total += st.st_size
    return total


def status_kib(pid, key):
    try:
        with open(f"/proc/{pid}/status") as f:
            for line in f:
                if line.startswith(key + ":"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def timed(command, stdin=None):
    """Runs a command to its end: seconds, peak memory in MiB, standard output."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    error = []
    drain = threading.Thread(target=lambda: error.append(process.stderr.read()))
    drain.start()
    out = process.stdout.read()
    drain.join()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failure(f"{' '.join(command)} failed: {error[0].decode().strip()}")
    return time.monotonic() - start, usage.ru_maxrss / 1024, out.decode()


def read_sql(name):
    """The named statements of bench/sql/NAME.sql: a section starts with `-- @name`, other comments are dropped."""
    sections = {}
    with open(os.path.join(HERE, "sql", name + ".sql"), encoding="utf-8") as f:
        for part in re.split(r"^-- @", f.read(), flags=re.M)[1:]:
            title, _, body = part.partition("\n")
            body = re.sub(r"^--.*\n?", "", body, flags=re.M)
            sections[title.strip()] = [s.strip() for s in body.split(";") if s.strip()]
    return sections


def free_ports(n):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Lines:
    """A child process that answers each line with a line of JSON."""

    def __init__(self, command, cwd=None):
        self.name = os.path.basename(command[-1])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=cwd)

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"{self.name} ended unexpectedly")
        return json.loads(line)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Corridor:
    name, title, key = "corridor", "Corridor", "corridor"

    def __init__(self, folder, threads):
        self.path, self.threads, self.driver = os.path.join(folder, "corridor"), threads, None

    def load(self, events):
        shutil.rmtree(self.path, ignore_errors=True)
        design = os.path.join(os.path.dirname(self.path), "corridor.yaml")
        with open(design, "w") as out:
            subprocess.run(["python3", os.path.join(HERE, "design.py")], stdout=out, check=True)
        timed([CORRIDOR, "init", "--data", self.path, "--design", design])
        seconds, peak, _ = timed([CORRIDOR, "import", "--data", self.path, "--map",
                                  os.path.join(HERE, "mapping.yaml"), events])
        merged, merge_peak, _ = timed([CORRIDOR, "compact", "--segments", "1", "--data", self.path])
        return {"seconds": seconds + merged, "import_seconds": seconds, "peak_mib": max(peak, merge_peak)}

    def disk_bytes(self):
        return size_of(self.path)

    def open(self):
        self.driver = Lines([os.path.join(BUILD, "bench", "driver"), self.path])
        opened = self.driver.read()
        self.version = timed([CORRIDOR, "--version"])[2].split()[-1]
        return opened

    def ask(self, question, threads=None):
        answer = self.driver.ask("\t".join(["run", str(threads or self.threads), *question.corridor]))
        return answer["ms"], list(csv.DictReader(io.StringIO(answer["csv"], newline="")))

    def story(self, question):
        answer = self.driver.ask(f"story\tcustomer:{question.customer}")
        return answer["ms"], answer["rows"]

    def memory_kib(self, question):
        """Anonymous memory at its highest while a process that has done nothing yet answers, above that before."""
        fresh = Lines([os.path.join(BUILD, "bench", "driver"), self.path])
        fresh.read()
        kib = fresh.ask("\t".join(["memory", str(self.threads), *question.corridor]))["peak_kib"]
        fresh.close()
        return kib

    def scanned_bytes(self, question):
        return self.driver.ask("\t".join(["bytes", *question.corridor]))["bytes"]

    def bandwidth(self, threads, n_bytes):
        return self.driver.ask(f"bandwidth\t{threads}\t{n_bytes}")["bytes_per_s"]

    def whole_process(self, question):
        """Seconds from start to exit of the program, files in the page cache."""
        command = [CORRIDOR, "query", question.corridor[0], "--data", self.path, "--threads", str(self.threads),
                   "--format", "csv"]
        for pair in question.corridor[1:]:
            name, _, value = pair.partition("=")
            command += [f"--{name}"] if value == "true" else [f"--{name}", value]
        return timed(command)[0]

    def close(self):
        self.driver.close()


class Library:
    """A peer that runs as a library in a process of Node.js."""

    def __init__(self, folder, threads):
        self.path, self.threads = os.path.join(folder, self.file), threads
        self.sql, self.lines = read_sql(self.key), None

    def start(self):
        shutil.copy(os.path.join(HERE, self.script), WORK)
        self.lines = Lines(["node", os.path.join(WORK, self.script)], cwd=WORK)
        self.version = self.lines.ask(json.dumps({"open": self.path, "threads": self.threads}))["version"]

    def run(self, statements):
        return self.lines.ask(json.dumps({"run": statements}))

    def load(self, events):
        shutil.rmtree(self.path, ignore_errors=True)
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.start()
        statements = [s.replace("$file", events) for s in self.sql["load"]]
        seconds = self.run(statements)["ms"] / 1000
        peak = status_kib(self.lines.process.pid, "VmHWM") / 1024
        self.size = self.run(self.sql["size"])["rows"][0][0] if "size" in self.sql else None
        self.close()
        return {"seconds": seconds, "peak_mib": peak}

    def disk_bytes(self):
        return self.size or size_of(self.path)

    def open(self):
        self.start()
        return {}

    def ask(self, question):
        answer = self.run([s.replace("$customer", str(question.customer)) for s in self.sql[question.name]])
        return answer["ms"], answer["rows"]

    def close(self):
        self.lines.close()


class DuckDB(Library):
    name, title, key, script, file = "duckdb", "DuckDB", "duckdb", "duckdb.mjs", "duck.db"


class ClickHouse(Library):
    name, title, key, script, file = "clickhouse", "ClickHouse", "clickhouse", "chdb.mjs", "chdb"


CONFIG = """<?xml version="1.0"?>
<yandex>
  <logger><level>warning</level><log>{path}/server.log</log><errorlog>{path}/error.log</errorlog></logger>
  <listen_host>127.0.0.1</listen_host>
  <http_port>{http}</http_port><tcp_port>{tcp}</tcp_port>
  <path>{path}/data/</path><tmp_path>{path}/tmp/</tmp_path><format_schema_path>{path}/formats/</format_schema_path>
  <mark_cache_size>5368709120</mark_cache_size><uncompressed_cache_size>0</uncompressed_cache_size>
  <keep_alive_timeout>86400</keep_alive_timeout>
  <default_profile>default</default_profile><default_database>default</default_database><timezone>UTC</timezone>
  <users_config>{path}/users.xml</users_config>
</yandex>
"""
USERS = """<?xml version="1.0"?>
<yandex>
  <profiles><default><max_threads>{threads}</max_threads><max_memory_usage>12000000000</max_memory_usage>
    <output_format_json_quote_64bit_integers>0</output_format_json_quote_64bit_integers></default></profiles>
  <users><default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile>
    <quota>default</quota></default></users>
  <quotas><default></default></quotas>
</yandex>
"""


class ClickHouse18:
    name, title, key = "clickhouse18", "ClickHouse 18", "clickhouse18"
    def __init__(self, folder, threads):
        self.path, self.threads = os.path.join(folder, "clickhouse18"), threads
        self.sql, self.server = read_sql(self.key), None

    def start(self):
        os.makedirs(self.path, exist_ok=True)
        self.http, self.tcp = free_ports(2)  # another server must not answer for this one
        for name, text in (("config.xml", CONFIG), ("users.xml", USERS)):
            with open(os.path.join(self.path, name), "w") as out:
                out.write(text.format(path=self.path, http=self.http, tcp=self.tcp, threads=self.threads))
        self.server = subprocess.Popen(
            ["clickhouse-server", "--config-file=" + os.path.join(self.path, "config.xml")], cwd=self.path,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(300):
            if self.server.poll() is not None:
                raise Failure(f"clickhouse-server ended; see {self.path}/error.log")
            try:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=3600)
                self.version = self.send("select version() format TSV").strip()
                return
            except OSError:
                time.sleep(.1)
        self.close()
        raise Failure("clickhouse-server does not answer")

    def send(self, sql):
        self.connection.request("POST", "/", body=sql.encode())
        response = self.connection.getresponse()
        text = response.read().decode()
        if response.status != 200:
            raise Failure(f"ClickHouse 18: {text.strip()[:400]} in: {sql[:200]}")
        return text

    def load(self, events):
        shutil.rmtree(self.path, ignore_errors=True)
        self.start()
        start = time.monotonic()
        for sql in self.sql["load"]:
            if sql.lower().startswith("insert"):
                with open(events, "rb") as rows:
                    timed(["clickhouse-client", "--host=127.0.0.1", f"--port={self.tcp}", "--query=" + sql], stdin=rows)
            else:
                self.send(sql)
        seconds = time.monotonic() - start
        peak = status_kib(self.server.pid, "VmHWM") / 1024
        self.size = int(self.send(self.sql["size"][0] + " format TSV"))
        self.close()
        return {"seconds": seconds, "peak_mib": peak}

    def disk_bytes(self):
        return self.size

    def open(self):
        self.start()
        return {}

    def ask(self, question):
        sql = self.sql[question.name][0].replace("$customer", str(question.customer))
        start = time.monotonic()
        text = self.send(sql + " format JSONCompact")
        ms = (time.monotonic() - start) * 1000
        return ms, json.loads(text)["data"]

    def close(self):
        if self.server and self.server.poll() is None:
            self.server.terminate()
            self.server.wait()


ENGINES = {e.name: e for e in (Corridor, DuckDB, ClickHouse, ClickHouse18)}
