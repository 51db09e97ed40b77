// SPDX-License-Identifier: Apache-2.0
// DuckDB inside of a process that stays. Reads one JSON object a line, answers one a line:
//   {"open": PATH, "threads": N}   opens or makes a database: {"version": …}
//   {"run": [SQL, …]}              runs the statements, {"ms": …, "rows": of the last one}
import { createInterface } from "node:readline";
import { DuckDBInstance } from "@duckdb/node-api";

const plain = (rows) => rows.map((row) => row.map((v) => (typeof v === "bigint" ? Number(v) : v)));

let connection;
for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  let answer;
  if (ask.open) {
    const instance = await DuckDBInstance.create(ask.open, { threads: String(ask.threads) });
    connection = await instance.connect();
    const version = await connection.runAndReadAll("select version()");
    answer = { version: version.getRows()[0][0] };
  } else {
    let reader;
    const start = performance.now();
    for (const sql of ask.run) reader = await connection.runAndReadAll(sql);
    const ms = performance.now() - start;
    answer = { ms, rows: plain(reader.getRows()) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
