// Package history folds the events of charge points into segments (up, down, unwatched)
// and incidents.
//
// The result is a function of the set of records below a position in the topic, not of
// their order: each numbering is folded by seq (Numbering), which leaves Elements that never
// change; all numberings of a charge point are then merged on the time line (Merge). A
// charge point that is well for a month is one Element.
//
// One bound is on that: a record that comes after more than Window later ones of its
// numbering counts as missing. Monitors send each numbering in order.
package history
