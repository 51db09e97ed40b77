// SPDX-License-Identifier: Apache-2.0
// An interaction: one contact between a customer and the brand, as it comes in, before it is stored.
// All views belong to whoever decoded it and must stay valid only until it is added to a batch.
#ifndef CORRIDOR_DESIGN_INTERACTION_H
#define CORRIDOR_DESIGN_INTERACTION_H

#include "base/sv.h"
#include "base/tz.h" // TIME_NONE

#include <stdint.h>

#define INTERACTION_IDENTITIES_MAX 8
#define DESIGN_MEASURES_MAX 64 // built-in and declared together
#define DESIGN_DIMENSIONS_MAX 32
#define DESIGN_PATHS_MAX 64
#define TOUCHPOINT_NONE UINT32_MAX // unmatched: stays visible as such

struct identity {
	struct sv type, value; // {"user", "u-17"}, {"email", "a@b.example"}
};

struct measure_value {
	uint32_t measure; // index into design->measures
	double value;     // in the measure's unit; never NaN
};

struct interaction {
	struct sv id; // message id, unique within the source; empty = made from the content
	struct sv source, event, channel, agent, location;
	struct identity identities[INTERACTION_IDENTITIES_MAX]; // [0] decides who it was
	uint32_t n_identities;                                  // at least 1
	int64_t at_ms, received_ms;
	struct measure_value measures[DESIGN_MEASURES_MAX]; // at most one per measure
	uint32_t n_measures;
	struct sv paths[DESIGN_PATHS_MAX]; // values of design->paths in this interaction; ptr NULL = absent
	struct sv promise;                 // id of the promise made here; empty = none
	int64_t due_ms;                    // of that promise; TIME_NONE = no due time
	struct sv keeps;                   // id of the promise kept here; empty = none
	struct sv text;                    // verbatim, UTF-8
	struct sv properties;              // JSON object text, or empty
	// Found by design_resolve:
	uint32_t touchpoint;                         // index into design->touchpoints, or TOUCHPOINT_NONE
	struct sv dimensions[DESIGN_DIMENSIONS_MAX]; // by index of design->dimensions; ptr NULL = absent
};

#endif
