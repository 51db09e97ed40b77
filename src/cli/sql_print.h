// SPDX-License-Identifier: Apache-2.0
// Rows of a SQL statement as a table, JSON, CSV or Markdown.
#ifndef CORRIDOR_CLI_SQL_PRINT_H
#define CORRIDOR_CLI_SQL_PRINT_H

#include "cli/internal.h"

#include "sql/sql.h"

enum sql_format { SQL_TABLE, SQL_JSON, SQL_CSV, SQL_MARKDOWN };

// Runs a prepared statement to its end and prints its rows to standard output as they come (a table: when they are
// all there). limit: rows to print, 0 = all; a note says when there were more.
enum rc sql_print(const struct cli *cli, struct sql *sql, sqlite3_stmt *statement, enum sql_format format,
	uint64_t limit, struct err *e);

#endif
