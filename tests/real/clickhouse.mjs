// SPDX-License-Identifier: Apache-2.0
// Runs SQL in ClickHouse as a library (chDB), for clickhouse.py: one JSON array of statements per line in, one JSON
// line out for each: {"rows": […]} or {"error": "…"}. argv: the folder of node_modules, the folder of the data.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [modules, directory] = process.argv.slice(2);
const { Session } = createRequire(`${modules}/`)("chdb");
const session = new Session(directory);

for await (const line of createInterface({ input: process.stdin })) {
  const started = performance.now();
  let answer;
  try {
    let text = "";
    for (const statement of JSON.parse(line)) text = session.query(statement, "JSONEachRow");
    const rows = text.trim() ? text.trim().split("\n").map((row) => JSON.parse(row)) : [];
    answer = { rows, ms: performance.now() - started };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
