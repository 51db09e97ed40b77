// SPDX-License-Identifier: Apache-2.0
// What the API answers, as far as the pages read it.

export type Cell = string | number | null;
export type Row = Record<string, Cell>;
export type CellType = 'text' | 'count' | 'number' | 'ratio' | 'time' | 'seconds';

export interface Column {
	name: string;
	title: string;
	type: CellType;
	unit: string;
	help: string;
	decimals?: number;
}

/** The answer of an analysis: exactly what `corridor query --format json` prints. */
export interface Result {
	analysis: string;
	columns: Column[];
	rows: Row[];
	n: number;
	definition: string;
	period: { from: string | null; to: string | null };
	where: string[];
	timezone: string;
	currency: string;
	notes: string[];
}

export type ParamType = 'string' | 'number' | 'integer' | 'flag' | 'choice' | 'duration' | 'time' | 'filter';

export interface Param {
	name: string;
	type: ParamType;
	default: string | null;
	choices: string[];
	min: number | null;
	max: number | null;
	help: string;
	required: boolean;
	repeated: boolean;
}

export interface Analysis {
	name: string;
	summary: string;
	definition: string;
	chart: string;
	params: Param[];
	columns: Column[];
}

export interface Expectation {
	key: string;
	measure: string;
	unit: string;
	direction: 'at least' | 'at most';
	target: number | null;
	/** What a distance from the target is measured in. */
	scale: number | null;
	share: number | null;
}

export interface TouchPoint {
	key: string;
	name: string;
	stage: string;
	owner: string;
	systems: string[];
	channels: string[];
	importance: number;
	required: boolean;
	after: string[];
	expect: Expectation[];
}

export interface Measure {
	key: string;
	unit: string;
	min: number | null;
	max: number | null;
}

export interface Design {
	version: number;
	brand: string;
	timezone: string;
	currency: string;
	stages: { key: string; name: string }[];
	touchpoints: TouchPoint[];
	channels: { key: string; kind: string }[];
	departments: string[];
	measures: Measure[];
	dimensions: string[];
}

export type Verdict = 'kept' | 'broken' | 'no detectable difference' | 'no data';

/** Experience against one expectation in one period: a row of the analysis `gap`. */
export interface Score {
	n: number;
	gap: number | null;
	gap_low: number | null;
	gap_high: number | null;
	experience: number | null;
	experience_low: number | null;
	experience_high: number | null;
	target: number | null;
	direction: string;
	unit: string;
	share_kept: number | null;
	share_kept_low: number | null;
	share_kept_high: number | null;
	share_target: number | null;
	verdict: Verdict | null;
	/** Of the expectation, from the corridor file; absent in answers of the analysis `gap`. */
	scale?: number | null;
}

export interface Trend {
	n: (number | null)[];
	gap: (number | null)[];
	experience: (number | null)[];
	share_kept: (number | null)[];
	verdict: (Verdict | null)[];
}

export interface PromiseScore {
	made: number;
	kept: number;
	broken: number;
	overdue: number;
	open: number;
	share_kept: number | null;
	share_kept_low: number | null;
	share_kept_high: number | null;
}

/** Open as long as the numbers of the period say so. */
export interface Alert {
	kind: 'missed' | 'share' | 'worse' | 'overdue';
	expectation: string | null;
	/** The reason with its numbers. */
	text: string;
}

export interface OverviewTouchPoint {
	key: string;
	n: number;
	alerts: Alert[];
	volume: number[];
	expectations: (Score & { key: string; trend: Trend })[];
	promises: PromiseScore | null;
}

export interface Overview {
	period: { from: string | null; to: string | null };
	where: string[];
	bucket: string;
	labels: string[];
	n: number;
	/** This and the next are not told by a link to one touch point. */
	customers: number | null;
	unmatched: number;
	definition: string;
	notes: string[];
	touchpoints: OverviewTouchPoint[];
	promises: PromiseScore | null;
}

export interface Interaction {
	/** As its source gave it, if it did. */
	id: string | null;
	at: string;
	/** Person, customer, text and properties only for those who may see them. */
	person?: string;
	customer?: string | null;
	touchpoint: string | null;
	stage: string | null;
	channel: string | null;
	event: string | null;
	source: string | null;
	agent: string | null;
	measures: Record<string, number>;
	text?: string | null;
	properties?: Record<string, unknown>;
}

export interface Page<T> {
	items: T[];
	next: string | null;
	total?: number;
}

export interface User {
	id: string;
	name: string;
	email: string;
	role: string;
	/** wanted: choose one first; reset: a new one may be chosen without the present one. */
	password: 'set' | 'wanted' | 'optional' | 'reset';
	rights: string[];
	/** That an owner is head of. */
	departments?: string[];
}

export interface Session {
	user: User | null;
	csrf: string | null;
	setup: boolean;
	brand: string;
	timezone: string;
	currency: string;
	version: string;
	data?: { first: string | null; last: string | null; n: number };
}

export interface PersonStory {
	key: string;
	identities: string[];
	first: string | null;
	last: string | null;
	n: number;
	story: Result;
}

/** Of an erasure, a link or the undoing of one. */
export interface Receipt {
	act: string;
	/** 0: there was nothing to do. */
	entry: number;
	persons: number;
	interactions: number;
	segments: { segment: string; interactions: number; was_inbox: boolean }[];
	physical: boolean;
	quarantine?: { removed: number; unsure: number };
}

export interface JournalEntry {
	entry: number;
	at: string;
	act: 'erase' | 'link' | 'unlink' | 'erase-interaction';
	who: string;
	/** An identity, or the key of somebody whose name was erased. */
	person: string;
	target?: string;
	/** The key of whom the person's interactions belong to now. */
	belongs_to: string;
	/** null: of a link that came with interactions. */
	interactions: number | null;
	physical: boolean;
	in_force: boolean;
}

export interface Dashboard {
	id: string;
	title: string;
	tiles: { title: string; view: string }[];
	etag?: string;
}
