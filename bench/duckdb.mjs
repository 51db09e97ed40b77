// SPDX-License-Identifier: Apache-2.0
// DuckDB beside Corridor. Reads commands from standard input, one JSON object a line, answers one a line:
//   {"load": "events.csv", "db": "file"}   loads and sorts the file, gives seconds
//   {"query": "name"}                      runs a query of queries.sql, gives seconds (inside the process) and rows
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { DuckDBInstance } from "@duckdb/node-api";

const sql = {};
for (const part of readFileSync(new URL("queries.sql", import.meta.url), "utf8").split(/^-- @/m).slice(1)) {
  const end = part.indexOf("\n");
  sql[part.slice(0, end).trim()] = part.slice(end + 1);
}
const plain = (rows) =>
  rows.map((row) => row.map((v) => (typeof v === "bigint" ? Number(v) : v)));

let instance, connection;
for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  let answer;
  if (ask.load) {
    connection?.closeSync();
    instance?.closeSync();
    instance = await DuckDBInstance.create(ask.db, { threads: "2" });
    connection = await instance.connect();
    const start = performance.now();
    await connection.run(sql.load.replace("$file", ask.load));
    await connection.run("checkpoint");
    answer = { seconds: (performance.now() - start) / 1000 };
  } else {
    const start = performance.now();
    const reader = await connection.runAndReadAll(sql[ask.query]);
    answer = { seconds: (performance.now() - start) / 1000, rows: plain(reader.getRows()) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
