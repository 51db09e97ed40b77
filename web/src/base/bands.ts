// SPDX-License-Identifier: Apache-2.0
// Where the lanes of the map stand.

export interface Band {
	lanes: { key: string; name: string }[];
}

/** Lanes in bands: one that has no stage in common with those of an earlier band finds room there, so that little stays empty. */
export function bandsOf(lanes: Band['lanes'], stagesOf: (lane: string) => Set<string>): Band[] {
	const bands: (Band & { stages: Set<string> })[] = [];
	for (const lane of lanes) {
		const stages = stagesOf(lane.key);
		const room = bands.find(b => [...stages].every(s => !b.stages.has(s)));
		if (room) {
			room.lanes.push(lane);
			stages.forEach(s => room.stages.add(s));
		} else bands.push({ lanes: [lane], stages: new Set(stages) });
	}
	return bands;
}
