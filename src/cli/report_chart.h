// SPDX-License-Identifier: Apache-2.0
// Coordinates of the report's pictures, as values for its template.
#ifndef CORRIDOR_CLI_REPORT_CHART_H
#define CORRIDOR_CLI_REPORT_CHART_H

#include "cli/report.h"
#include "cli/template.h"

// The gap by bucket in 120 × 26: spark, zero_y, end_x, end_y, spark_words. Nothing when there are fewer than two.
void chart_spark(const struct report *r, const struct report_expectation *x, struct fill *f);
// What was experienced by bucket, its interval and the target, in 460 × 150: line, band, dots, ticks, labels,
// target_y, bad_from and bad_width of the broken run.
void chart_trend(const struct report *r, const struct report_expectation *x, struct fill *f);

#endif
