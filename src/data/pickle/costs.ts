/**
 * What a pickle may cost: enough for 40,000 tensors, and little enough to end a hostile one within a second and 200 MB.
 * An instruction costs 1, and what it makes as much as it weighs.
 */
export const MOST_COST = 6_000_000

/** Of a list, a tuple or a mark. */
export const LIST_COST = 3

/** Of a dictionary, a set, bytes, a call or a persistent id. */
export const OBJECT_COST = 8

/** Of a place in the memo. */
export const MEMO_COST = 2
