// SPDX-License-Identifier: Apache-2.0
// The current ClickHouse as a library, inside of a process that stays. Same protocol as duckdb.mjs.
import { createInterface } from "node:readline";
import { Session } from "chdb";

let session;
for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  let answer;
  if (ask.open) {
    session = new Session(ask.open);
    session.query(`set max_threads = ${ask.threads}`);
    session.query("set output_format_json_quote_64bit_integers = 0");
    answer = { version: session.query("select version()", "TSV").trim() };
  } else {
    let text;
    const start = performance.now();
    for (const sql of ask.run) text = session.query(sql, "JSONCompactEachRow");
    const ms = performance.now() - start;
    answer = { ms, rows: text.split("\n").filter(Boolean).map((row) => JSON.parse(row)) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
session?.close();
