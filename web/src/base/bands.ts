// SPDX-License-Identifier: Apache-2.0
// Where the lanes of the map stand.

export interface Band {
	lanes: { key: string; name: string }[];
}

/** Lanes in bands, so that little stays empty: a lane of a single stage is the guest of an earlier band that has nothing there. No
 * more guests than the band has stages of its own, or one would not see whose it is. */
export function bandsOf(lanes: Band['lanes'], stagesOf: (lane: string) => Set<string>): Band[] {
	const bands: (Band & { stages: Set<string>; own: number })[] = [];
	for (const lane of lanes) {
		const stages = stagesOf(lane.key);
		const [only] = stages;
		const room = stages.size === 1 ? bands.find(b => !b.stages.has(only as string) && b.lanes.length <= b.own) : undefined;
		if (room) {
			room.lanes.push(lane);
			room.stages.add(only as string);
		} else bands.push({ lanes: [lane], stages: new Set(stages), own: stages.size });
	}
	return bands;
}
